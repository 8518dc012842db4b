//! Lists of objects as the API server gives them: selected, paged, in the form
//! that `Accept` asks for (pure).
//!
//! Out of scope: label selectors, watches, older versions of a list.

use serde_json::{Value, json};

use crate::objects::{Form, Include, Kind};
use crate::selector::Selector;
use crate::status::Status;

/// The parameters of a list request, as they came; empty when not given.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) field_selector: &'a str,
    pub(crate) limit: &'a str,
    pub(crate) continues: &'a str,
    pub(crate) resource_version: &'a str,
    pub(crate) include_object: &'a str,
    pub(crate) accept: &'a str,
}

impl Query<'_> {
    fn form(&self) -> Result<Form, Status> {
        let include = match self.include_object {
            "None" => Include::None,
            "" | "Metadata" => Include::Metadata,
            "Object" => Include::Object,
            other => {
                return Err(Status::bad_request(format!(
                    "unrecognized includeObject value: {other:?}"
                )));
            }
        };
        Form::negotiate(self.accept, include).ok_or_else(|| Status::usual(406))
    }
}

/// How the server pages, apart from what the request asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paging {
    /// Never more objects than this in one answer, whatever is asked.
    pub(crate) forced: Option<usize>,
    /// Continue tokens of an older generation have expired.
    pub(crate) generation: u64,
}

/// The list of those of `items` that the query selects. `version` is the
/// list's resource version.
///
/// # Errors
/// The refusal that a real server has for such a query.
pub(crate) fn list(
    kind: Kind,
    items: impl Iterator<Item = Value>,
    version: &str,
    query: &Query<'_>,
    paging: Paging,
) -> Result<Value, Status> {
    let form = query.form()?;
    let selector =
        Selector::parse(query.field_selector, kind.fields()).map_err(Status::bad_request)?;
    let limit = limit(query, paging)?;
    let from = start(query, paging)?;

    // One object at a time: those of a large cluster together take gigabytes.
    let mut items: Vec<Value> = items
        .filter(|item| selector.matches(item))
        .skip(from)
        .map(|item| form.element(kind, item))
        .collect();
    let mut metadata = json!({"resourceVersion": version});
    if let Some(limit) = limit.filter(|limit| items.len() > *limit) {
        metadata["continue"] = format!("{}-{}", paging.generation, from + limit).into();
        // A real server does not count what a selector leaves.
        if selector.is_empty() {
            metadata["remainingItemCount"] = (items.len() - limit).into();
        }
        items.truncate(limit);
    }
    Ok(form.list(kind, metadata, items))
}

/// Most objects of an answer. The watch cache answers `resourceVersion=0`, and
/// it ignores the limit unless a page is asked for that follows another.
fn limit(query: &Query<'_>, paging: Paging) -> Result<Option<usize>, Status> {
    let asked = match query.limit {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| Status::bad_request(format!("limit: {text:?} is not a number")))?,
    };
    let is_from_cache = query.resource_version == "0" && query.continues.is_empty();
    let asked = (asked > 0 && !is_from_cache).then_some(asked);
    Ok(asked.into_iter().chain(paging.forced).min())
}

/// How many objects the pages before this one held.
fn start(query: &Query<'_>, paging: Paging) -> Result<usize, Status> {
    if query.continues.is_empty() {
        return Ok(0);
    }
    if !matches!(query.resource_version, "" | "0") {
        let message = "specifying resource version is not allowed when using continue";
        return Err(Status::bad_request(message.to_owned()));
    }
    let parts = query.continues.split_once('-');
    match parts.map(|(generation, from)| (generation.parse::<u64>(), from.parse())) {
        Some((Ok(generation), Ok(from))) if generation == paging.generation => Ok(from),
        Some((Ok(_), Ok(_))) => Err(Status::usual(410)),
        _ => Err(Status::bad_request("continue key is not valid".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> Vec<Value> {
        let pod = |n| json!({"metadata": {"name": format!("p{n}")}, "spec": {"nodeName": "a"}});
        (0..5).map(pod).collect()
    }

    fn ask(query: &Query<'_>, paging: Paging) -> Result<Value, Status> {
        list(Kind::Pods, pods().into_iter(), "7", query, paging)
    }

    fn names(list: &Value) -> Vec<&str> {
        let items = list["items"].as_array().expect("items");
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().expect("a name"))
            .collect()
    }

    #[test]
    fn pages_follow_each_other_until_nothing_is_left() {
        let mut token = String::new();
        let mut seen = Vec::new();
        loop {
            let query = Query {
                limit: "2",
                continues: &token,
                ..Query::default()
            };
            let page = ask(&query, Paging::default()).expect("a page");
            seen.push(names(&page).join(","));
            match page["metadata"]["continue"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, ["p0,p1", "p2,p3", "p4"]);
    }

    #[test]
    fn the_cache_ignores_a_limit_unless_paging_is_forced() {
        let query = Query {
            limit: "2",
            resource_version: "0",
            ..Query::default()
        };
        let whole = ask(&query, Paging::default()).expect("a list");
        assert_eq!(names(&whole).len(), 5);
        assert_eq!(whole["metadata"], json!({"resourceVersion": "7"}));
        let forced = Paging {
            forced: Some(3),
            generation: 0,
        };
        let page = ask(&query, forced).expect("a page");
        assert_eq!(names(&page).len(), 3);
        assert_eq!(page["metadata"]["remainingItemCount"], 2);
    }

    #[test]
    fn an_expired_token_is_gone_and_a_wrong_query_is_bad() {
        let code = |query: Query<'_>| {
            let paging = Paging {
                forced: None,
                generation: 1,
            };
            ask(&query, paging)
                .expect_err("a refusal")
                .response()
                .status
        };
        let none = Query::default;
        assert_eq!(
            code(Query {
                continues: "0-2",
                ..none()
            }),
            410
        );
        assert_eq!(
            code(Query {
                continues: "nonsense",
                ..none()
            }),
            400
        );
        assert_eq!(
            code(Query {
                continues: "1-2",
                resource_version: "9",
                ..none()
            }),
            400
        );
        assert_eq!(
            code(Query {
                limit: "many",
                ..none()
            }),
            400
        );
        assert_eq!(
            code(Query {
                field_selector: "spec.foo=x",
                ..none()
            }),
            400
        );
        assert_eq!(
            code(Query {
                include_object: "All",
                ..none()
            }),
            400
        );
        assert_eq!(
            code(Query {
                accept: "text/html",
                ..none()
            }),
            406
        );
    }
}
