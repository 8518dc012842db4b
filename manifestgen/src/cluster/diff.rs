//! What applying would change: a dry run on the server, held against what is
//! there. The server fills in defaults on both sides, so they never differ.

use http::Request;
use kube::Client;
use serde_json::Value;

use super::{Failure, Located, Report, Row, Verdict, ask, get, locate, title};
use crate::objects::{self, Place};
use crate::values::Values;

/// Most lines for one object.
const MOST: usize = 20;

/// What the server writes by itself, or others write beside us.
const NOT_OURS: [&str; 7] = [
    "/status",
    "/metadata/managedFields",
    "/metadata/resourceVersion",
    "/metadata/generation",
    "/metadata/uid",
    "/metadata/creationTimestamp",
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
];

/// Compares each object; a difference is a bad row.
///
/// # Errors
/// When the cluster does not answer.
pub async fn diff(client: &Client, values: &Values) -> Result<Report, Failure> {
    let mut rows = Vec::new();
    for object in objects::all(values)? {
        if object.place != Place::Both {
            continue;
        }
        if let Some(located) = locate(&object.tree) {
            compare(client, &located, &mut rows).await?;
        }
    }
    Ok(Report(rows))
}

async fn compare(
    client: &Client,
    located: &Located<'_>,
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let subject = title(located.tree);
    let live = get(client, &located.path).await?;
    // Server-side apply; force, since whoever applied it before holds its fields.
    let path = format!(
        "{}?dryRun=All&force=true&fieldManager=manifestgen",
        located.path
    );
    let request = Request::patch(path).header("Content-Type", "application/apply-patch+yaml");
    let applied = ask(client, request, located.tree.to_string().into_bytes()).await?;
    let row = match (live, applied) {
        (Ok(mut live), Ok(mut applied)) => {
            for pointer in NOT_OURS {
                drop_field(&mut live, pointer);
                drop_field(&mut applied, pointer);
            }
            let mut lines = Vec::new();
            differences(&live, &applied, "", &mut lines);
            if lines.is_empty() {
                Row::new(Verdict::Fine, subject, "no difference")
            } else {
                let more = lines.len().saturating_sub(MOST);
                lines.truncate(MOST);
                if more > 0 {
                    lines.push(format!("and {more} more"));
                }
                rows.extend(
                    lines
                        .into_iter()
                        .map(|line| Row::new(Verdict::Bad, subject.clone(), line)),
                );
                return Ok(());
            }
        }
        (Err(refusal), applied) if refusal.code == 404 => match applied {
            Ok(_) => Row::new(Verdict::Bad, subject, "would be created"),
            // In a namespace that is itself yet to be created, or of a kind that
            // the cluster does not know.
            Err(refusal) if refusal.code == 404 => Row::new(
                Verdict::Bad,
                subject,
                format!("not there: {}", refusal.message),
            ),
            Err(refusal) => Row::new(
                Verdict::Bad,
                subject,
                format!("refused: {}", refusal.message),
            ),
        },
        (_, Err(refusal)) | (Err(refusal), _) => Row::new(
            Verdict::Bad,
            subject,
            format!("refused: {}", refusal.message),
        ),
    };
    rows.push(row);
    Ok(())
}

fn drop_field(tree: &mut Value, pointer: &str) {
    if let Some((parent, key)) = crate::overlay::split_pointer(pointer)
        && let Some(map) = tree.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        map.remove(&key);
        // An annotation that was alone leaves an empty map, which is none.
        if map.is_empty()
            && let Some((parent, key)) = crate::overlay::split_pointer(parent)
            && let Some(map) = tree.pointer_mut(parent).and_then(Value::as_object_mut)
        {
            map.remove(&key);
        }
    }
}

/// One line for each field: what is there, what would be.
fn differences(live: &Value, applied: &Value, path: &str, lines: &mut Vec<String>) {
    match (live, applied) {
        _ if live == applied => {}
        (Value::Object(live), Value::Object(applied)) => {
            let mut keys: Vec<&String> = live.keys().chain(applied.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = format!("{path}/{key}");
                let side = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                differences(&side(live), &side(applied), &path, lines);
            }
        }
        (Value::Array(live), Value::Array(applied)) if live.len() == applied.len() => {
            for (index, (live, applied)) in live.iter().zip(applied).enumerate() {
                differences(live, applied, &format!("{path}/{index}"), lines);
            }
        }
        _ => lines.push(format!("{path}: {} -> {}", short(live), short(applied))),
    }
}

/// A value on one line of bounded length.
fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = match value {
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > LONGEST {
        let cut: String = text.chars().take(LONGEST).collect();
        format!("{cut}…")
    } else {
        text
    }
}
