//! The bill of materials of a program. Pure.
//!
//! Format: CycloneDX 1.6, <https://cyclonedx.org/docs/1.6/json/>. Package URLs:
//! <https://github.com/package-url/purl-spec>. Out of scope: vulnerabilities,
//! which `cargo deny` and users of the bill look up.
//!
//! Invariant: bills follow the published schema and name all packages of their program (held
//! by `sboms_follow_their_schema`).

use auditable_serde::{DependencyKind, Package, Source};
use quantity::Timestamp;
use serde_json::{Value, json};

use crate::dependencies::Origins;
use crate::image::sha256;
use crate::platform::Platform;

/// Returns the bill of `program`, which is named `name` and was built from `packages` for
/// `platform` at the commit of `date`.
///
/// # Errors
/// A package is unknown to cargo: the program was built from another commit.
pub fn of(
    name: &str,
    program: &[u8],
    platform: Platform,
    packages: &[Package],
    origins: &Origins,
    date: Timestamp,
) -> Result<Value, String> {
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut subject = Value::Null;
    for package in packages {
        let mut component = component(package, origins)?;
        let references = package.dependencies.iter();
        dependencies.push(json!({
            "ref": reference(package),
            "dependsOn": references
                .filter_map(|index| packages.get(*index))
                .map(reference)
                .collect::<Vec<_>>(),
        }));
        if package.root {
            component["type"] = "application".into();
            component["hashes"] = json!([{
                "alg": "SHA-256",
                "content": sha256(program),
            }]);
            component["properties"] =
                json!([{ "name": "platform", "value": platform.to_string() }]);
            subject = component;
        } else {
            component["scope"] = match package.kind {
                DependencyKind::Runtime => "required",
                DependencyKind::Build => "excluded",
            }
            .into();
            components.push(component);
        }
    }
    let metadata = json!({
        "timestamp": date.to_string(),
        "component": subject,
        "tools": { "components": [{ "type": "application", "name": "binbots-packaging", "version": env!("CARGO_PKG_VERSION") }] },
    });
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": serial_number(name, program),
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(package: &Package, origins: &Origins) -> Result<Value, String> {
    let key = (package.name.clone(), package.version.to_string());
    let origin = origins.get(&key).ok_or_else(|| {
        format!(
            "{} {} is in the program and not in Cargo.lock: it was built at another commit",
            package.name, package.version
        )
    })?;
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version.to_string(),
        "licenses": [{ "expression": origin.license }],
    });
    if package.source == Source::CratesIo {
        component["purl"] = reference(package).into();
    }
    Ok(component)
}

/// Returns the reference of a package within the bill: its package URL.
fn reference(package: &Package) -> String {
    // Some readers decode + as a space.
    let version = package.version.to_string().replace('+', "%2B");
    match package.source {
        Source::CratesIo => format!("pkg:cargo/{}@{version}", package.name),
        _ => format!("binbots-k8s/{}@{version}", package.name),
    }
}

/// Returns a UUID of version 8 (RFC 9562), derived from the program: the same program gives
/// the same bill.
fn serial_number(name: &str, program: &[u8]) -> String {
    let hex = sha256(&[name.as_bytes(), program].concat());
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
