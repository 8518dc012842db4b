use k8s_openapi::api::core::v1::{ConfigMap, PodSpec};

use super::*;
use crate::term::{text, value};
use crate::values::Strings;

fn config_map(value: String) -> ConfigMap {
    ConfigMap {
        data: Some(Strings::from([("key".to_owned(), value)])),
        ..ConfigMap::default()
    }
}

fn problem(object: &Object) -> String {
    match object.shape() {
        Ok(_) => "none".to_owned(),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn expression_pointer_is_found() {
    let object = Object::new("a.yaml", |b| {
        let values = b.values;
        Ok(config_map(
            b.text(text("in {}", [value!(values.namespace)])),
        ))
    });
    let shape = object.shape().expect("it is built");
    let pointers: Vec<&str> = shape.rules.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(pointers, ["/data/key"]);
    assert_eq!(shape.tree["data"]["key"], "in monitoring");
}

#[test]
fn expression_without_field_is_refused() {
    let object = Object::new("a.yaml", |b| {
        let values = b.values;
        b.text(value!(values.namespace));
        Ok(config_map("constant".to_owned()))
    });
    let problem = problem(&object);
    assert!(
        problem.contains("namespace") && problem.contains("reaches no field"),
        "{problem}"
    );
}

#[test]
fn expression_within_a_field_is_refused() {
    let object = Object::new("a.yaml", |b| {
        let values = b.values;
        Ok(config_map(format!(
            "in {}",
            b.text(value!(values.namespace))
        )))
    });
    let problem = problem(&object);
    assert!(
        problem.contains("is not the whole of /data/key"),
        "{problem}"
    );
}

#[test]
fn entry_among_equal_ones_is_refused() {
    let object = Object::new("a.yaml", |b| {
        let values = b.values;
        let condition = value!(values.create_namespace).is_set();
        let entries = [
            Some("same".to_owned()),
            b.when(&condition, "same".to_owned()),
        ];
        Ok(k8s_openapi::api::core::v1::Container {
            args: Some(entries.into_iter().flatten().collect()),
            ..Default::default()
        })
    });
    assert!(problem(&object).contains("is not the whole of /args/1"));
}

#[test]
fn value_with_unknown_field_is_refused() {
    let object = Object::new("a.yaml", |b| {
        let values = b.values;
        Ok(PodSpec {
            tolerations: b.block(value!(values.image_pull_secrets))?,
            ..PodSpec::default()
        })
    });
    let secret = serde_json::json!({"name": "registry"});
    let values = Values {
        image_pull_secrets: serde_json::from_value(serde_json::json!([secret])).expect("a list"),
        ..Values::default()
    };
    let problem = object
        .render(&values, "x")
        .expect_err("it has another type");
    assert!(problem.place.contains("imagePullSecrets"), "{problem}");
}
