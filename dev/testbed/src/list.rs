//! Lists of objects as the API server gives them: selected, paged, in the form
//! of the `Accept` header (pure).
//!
//! Out of scope: label selectors, watches, older versions of a list.

use serde_json::{Value, json};

use crate::objects::{Form, Kind};
use crate::route::Route;
use crate::selector::Selector;
use crate::status::Status;

/// Paging by the server, apart from the request's own parameters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paging {
    /// Most objects in one response, also where more are requested.
    pub(crate) forced: Option<usize>,
    /// Continue tokens of an older generation have expired.
    pub(crate) generation: u64,
}

/// The list of those of `items` that the request selects. `version` is the
/// list's resource version.
///
/// # Errors
/// The refusal that a real server has for such a query.
pub(crate) fn list(
    kind: &Kind,
    items: impl Iterator<Item = Value>,
    version: &str,
    route: &Route,
    accept: &str,
    paging: Paging,
) -> Result<Value, Status> {
    let form = Form::negotiate(accept, route.parameter("includeObject"))?;
    let selector = Selector::parse(route.parameter("fieldSelector"), kind.fields)
        .map_err(Status::bad_request)?;
    let limit = limit(route, paging)?;
    let from = start(route, paging)?;

    // One object at a time: those of a large cluster together take gigabytes.
    let mut items: Vec<Value> = items
        .filter(|item| selector.matches(item))
        .skip(from)
        .map(|item| form.element(kind, item))
        .collect();
    let mut metadata = json!({"resourceVersion": version});
    if let Some(limit) = limit.filter(|limit| items.len() > *limit) {
        metadata["continue"] = format!("{}-{}", paging.generation, from + limit).into();
        // A real server does not count the objects of a selector.
        if selector.is_empty() {
            metadata["remainingItemCount"] = (items.len() - limit).into();
        }
        items.truncate(limit);
    }
    Ok(form.list(kind, metadata, items))
}

/// Most objects of an answer. The watch cache answers `resourceVersion=0`, and
/// it ignores the limit except for a page that follows another.
fn limit(route: &Route, paging: Paging) -> Result<Option<usize>, Status> {
    let asked = match route.parameter("limit") {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| Status::bad_request(format!("limit: {text:?} is not a number")))?,
    };
    let follows = !route.parameter("continue").is_empty();
    let is_from_cache = route.parameter("resourceVersion") == "0" && !follows;
    let asked = (asked > 0 && !is_from_cache).then_some(asked);
    Ok(asked.into_iter().chain(paging.forced).min())
}

/// Number of objects in the pages before this one.
fn start(route: &Route, paging: Paging) -> Result<usize, Status> {
    let token = route.parameter("continue");
    if token.is_empty() {
        return Ok(0);
    }
    if !matches!(route.parameter("resourceVersion"), "" | "0") {
        let message = "specifying resource version is not allowed when using continue";
        return Err(Status::bad_request(message.to_owned()));
    }
    let parts = token.split_once('-');
    match parts.map(|(generation, from)| (generation.parse::<u64>(), from.parse())) {
        Some((Ok(generation), Ok(from))) if generation == paging.generation => Ok(from),
        Some((Ok(_), Ok(_))) => Err(Status::usual(410)),
        _ => Err(Status::bad_request("continue key is not valid".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::PODS;

    fn pods() -> Vec<Value> {
        let pod = |n| json!({"metadata": {"name": format!("p{n}")}, "spec": {"nodeName": "a"}});
        (0..5).map(pod).collect()
    }

    fn ask(query: &str, accept: &str, paging: Paging) -> Result<Value, Status> {
        let route = Route::of(&format!("/api/v1/pods?{query}")).expect("good escapes");
        list(&PODS, pods().into_iter(), "7", &route, accept, paging)
    }

    fn names(list: &Value) -> Vec<&str> {
        let items = list["items"].as_array().expect("items");
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().expect("a name"))
            .collect()
    }

    #[test]
    fn list_pages_follow_to_the_end() {
        let mut token = String::new();
        let mut seen = Vec::new();
        loop {
            let query = format!("limit=2&continue={token}");
            let page = ask(&query, "", Paging::default()).expect("a page");
            seen.push(names(&page).join(","));
            match page["metadata"]["continue"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, ["p0,p1", "p2,p3", "p4"]);
    }

    #[test]
    fn cached_lists_ignore_the_limit() {
        let query = "limit=2&resourceVersion=0";
        let whole = ask(query, "", Paging::default()).expect("a list");
        assert_eq!(names(&whole).len(), 5);
        assert_eq!(whole["metadata"], json!({"resourceVersion": "7"}));
        let forced = Paging {
            forced: Some(3),
            generation: 0,
        };
        let page = ask(query, "", forced).expect("a page");
        assert_eq!(names(&page).len(), 3);
        assert_eq!(page["metadata"]["remainingItemCount"], 2);
    }

    #[test]
    fn expired_and_wrong_queries_fail() {
        let paging = Paging {
            forced: None,
            generation: 1,
        };
        for (query, accept, code) in [
            ("continue=0-2", "", 410),
            ("continue=nonsense", "", 400),
            ("continue=1-2&resourceVersion=9", "", 400),
            ("limit=many", "", 400),
            ("fieldSelector=spec.foo%3Dx", "", 400),
            ("includeObject=All", "", 400),
            ("", "text/html", 406),
        ] {
            let refusal = ask(query, accept, paging).expect_err("a refusal");
            assert_eq!(refusal.response().status, code, "{query}");
        }
    }
}
