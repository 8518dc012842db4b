//! The answers to instant queries, as few and small as the agent asks them.
//!
//! Decoded whole: the queries aggregate, or select one series. Format:
//! <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Defect;
use super::matrix::{Refusal, defect, one_line};

/// An answer and what the backend warned of.
#[derive(Debug, PartialEq)]
pub struct Instant<T> {
    /// The result.
    pub result: T,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

/// The newest sample of one series.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Sample {
    /// Every label, the name among them.
    #[serde(default)]
    pub metric: BTreeMap<String, String>,
    /// Unix seconds, and the value as it stands there.
    pub value: (f64, String),
}

/// The samples of one series, as they were scraped.
#[derive(Debug, PartialEq, Deserialize)]
pub struct RawSeries {
    /// Unix seconds, and the values as they stand there; oldest first.
    pub values: Vec<(f64, String)>,
}

impl Sample {
    /// The value; `None` if that is no finite number.
    pub fn number(&self) -> Option<f64> {
        self.value
            .1
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(default)]
    status: String,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    data: Option<Data<T>>,
}

#[derive(Deserialize)]
struct Data<T> {
    result: T,
}

/// Reads an answer whose result is a `T`.
///
/// # Errors
/// When it reports an error, is of another form, or ends early.
pub fn read<T: DeserializeOwned>(body: impl Read) -> Result<Instant<T>, Defect> {
    let envelope: Envelope<T> = serde_json::from_reader(body).map_err(defect)?;
    match (envelope.status.as_str(), envelope.data) {
        ("success", Some(data)) => Ok(Instant {
            result: data.result,
            warnings: envelope
                .warnings
                .unwrap_or_default()
                .iter()
                .map(|w| one_line(w))
                .collect(),
        }),
        ("error", _) => Err(Defect::Refused(Refusal {
            error_type: one_line(&envelope.error_type.unwrap_or_default()),
            error: one_line(&envelope.error.unwrap_or_default()),
        })),
        (status, _) => Err(Defect::Shape(format!(
            "the status {status:?} is neither success with data nor error"
        ))),
    }
}

/// Reads the answer about a build: its application and version.
pub fn read_build(body: impl Read) -> Option<String> {
    #[derive(Deserialize)]
    struct Whole {
        data: Build,
    }
    #[derive(Deserialize)]
    struct Build {
        application: Option<String>,
        version: String,
    }
    let build = serde_json::from_reader::<_, Whole>(body).ok()?.data;
    let application = build.application.as_deref().unwrap_or("Prometheus");
    Some(one_line(&format!("{application} {}", build.version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_raw_samples_are_read() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"__name__":"up","node":"a"},"value":[1795331588.123,"1"]},
            {"metric":{},"value":[1795331588,"NaN"]}]},"warnings":["w\n1"]}"#;
        let answer: Instant<Vec<Sample>> = read(vector.as_bytes()).expect("a vector");
        assert_eq!(answer.warnings, ["w 1"]);
        assert_eq!(answer.result[0].metric["node"], "a");
        let numbers: Vec<_> = answer.result.iter().map(Sample::number).collect();
        assert_eq!(numbers, [Some(1.0), None]);

        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"node":"a"},"values":[[1795331573.1,"1"],[1795331588.1,"2"]]}]}}"#;
        let answer: Instant<Vec<RawSeries>> = read(matrix.as_bytes()).expect("a matrix");
        assert_eq!(
            answer.result[0].values[1],
            (1_795_331_588.1, "2".to_owned())
        );
    }

    #[test]
    fn builds_name_themselves_or_are_taken_for_a_prometheus() {
        for (body, name) in [
            (
                r#"{"status":"success","data":{"version":"2.42.0","revision":"x"}}"#,
                Some("Prometheus 2.42.0"),
            ),
            (
                r#"{"status":"success","data":{"application":"Grafana Mimir","version":"2.13.0","features":{}}}"#,
                Some("Grafana Mimir 2.13.0"),
            ),
            (r#"{"status":"success","data":{}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(read_build(body.as_bytes()).as_deref(), name);
        }
    }

    #[test]
    fn what_is_no_answer_has_a_reason() {
        let read = |text: &str| read::<Vec<Sample>>(text.as_bytes());
        let error = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
        match read(error) {
            Err(Defect::Refused(refusal)) => {
                assert_eq!(refusal.to_string(), "bad_data: parse error");
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(read(&error[..30]), Err(Defect::Truncated)));
        for text in [
            "[]",
            "{}",
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"result":1}}"#,
        ] {
            assert!(matches!(read(text), Err(Defect::Shape(_))), "{text}");
        }
    }
}
