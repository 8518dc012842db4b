//! The fields of the API server's JSON that are read.

use std::fmt;
use std::io::{BufReader, Read};

use contract::{AddressType, Reason, kubelet};
use quantity::parse_quantity;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use webclient::BaseUrl;

use super::error::ScrapeError;
use crate::kernel::BootId;

/// Bytes read at a time. After each piece the decoder keeps its 32 KiB window, so larger
/// pieces mean less copying.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Reads one JSON text to its end.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(
    body: &mut dyn Read,
    form: S,
) -> serde_json::Result<S::Value> {
    let mut json =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(CHUNK_BYTES, body));
    let value = form.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// A refusal.
#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) details: Option<Details>,
}

/// The object of a refusal.
#[derive(Deserialize)]
pub(super) struct Details {
    #[serde(default)]
    pub(super) kind: String,
}

/// Resources of a node, as plain numbers of Kubernetes quantities; `None` where the node
/// object has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Resources {
    /// Cores.
    pub cpu: Option<f64>,
    /// Bytes.
    pub memory: Option<f64>,
    /// Number of pods.
    pub pods: Option<f64>,
}

/// The fields of a node object that are read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NodeObject {
    /// Resources for pods.
    pub allocatable: Resources,
    /// Resources of the machine.
    pub capacity: Resources,
    /// Boot ID of its kernel.
    pub boot_id: Option<BootId>,
}

/// A node object, and where it says that its kubelet listens.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeAnswer {
    /// The object.
    pub object: NodeObject,
    /// The origin of its kubelet; `None` where it has no address of a wanted type.
    pub kubelet: Option<BaseUrl>,
}

#[derive(Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    status: NodeStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct NodeStatus {
    #[serde(default)]
    allocatable: Quantities,
    #[serde(default)]
    capacity: Quantities,
    #[serde(default)]
    addresses: Option<Vec<Address>>,
    #[serde(default)]
    daemon_endpoints: DaemonEndpoints,
    #[serde(default)]
    node_info: NodeInfo,
}

#[derive(Deserialize, Default)]
struct NodeInfo {
    #[serde(default, rename = "bootID")]
    boot_id: String,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DaemonEndpoints {
    #[serde(default)]
    kubelet_endpoint: DaemonEndpoint,
}

#[derive(Deserialize, Default)]
struct DaemonEndpoint {
    #[serde(default, rename = "Port")]
    port: u16,
}

impl Node {
    /// Reads the object, with the kubelet's address of the first of these types that it has.
    pub(super) fn read(self, types: &[AddressType]) -> Result<NodeAnswer, ScrapeError> {
        if self.kind != "Node" {
            return Err(ScrapeError::new(
                Reason::Json,
                format!("expected an object of kind Node, got kind {:?}", self.kind),
            ));
        }
        let status = self.status;
        let port = match status.daemon_endpoints.kubelet_endpoint.port {
            0 => kubelet::PORT,
            port => port,
        };
        // Of two addresses of a type, IPv4 and IPv6, the first is the cluster's preferred one.
        let kubelet = types.iter().find_map(|wanted| {
            let addresses = status.addresses.iter().flatten();
            addresses
                .filter(|address| address.kind == wanted.name())
                .find_map(|address| BaseUrl::https_host(&address.address, port))
        });
        let object = NodeObject {
            allocatable: status.allocatable.read()?,
            capacity: status.capacity.read()?,
            boot_id: BootId::parse(&status.node_info.boot_id),
        };
        Ok(NodeAnswer { object, kubelet })
    }
}

#[derive(Deserialize, Default)]
struct Quantities {
    cpu: Option<String>,
    memory: Option<String>,
    pods: Option<String>,
}

impl Quantities {
    fn read(&self) -> Result<Resources, ScrapeError> {
        let read = |text: &Option<String>| {
            text.as_deref()
                .map(parse_quantity)
                .transpose()
                .map_err(|error| ScrapeError::new(Reason::Json, error.to_string()))
        };
        Ok(Resources {
            cpu: read(&self.cpu)?,
            memory: read(&self.memory)?,
            pods: read(&self.pods)?,
        })
    }
}

/// The wanted text of each object in a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListForm {
    /// Column of the table that shows the text.
    pub(super) column: &'static str,
    /// Kind of the list where the server knows no tables.
    pub(super) kind: &'static str,
    /// JSON pointer to the text in the objects of that list.
    pub(super) pointer: &'static str,
}

/// A page of a list: a Table, or a list of objects from a server without tables. Calls
/// `each` with the text of each object, and keeps nothing.
pub(super) struct Page<'a> {
    pub(super) form: ListForm,
    pub(super) each: &'a mut dyn FnMut(&str),
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    /// The token of the next page; empty on the last one.
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<String, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a Table or a {}", self.form.kind)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let Page { form, each } = self;
        let mut kind = String::new();
        let mut metadata = ListMeta::default();
        let mut column = None;
        // The kind of list whose elements were read.
        let mut read = "";
        while let Some(key) = map.next_key::<Box<str>>()? {
            match &*key {
                "kind" => kind = map.next_value()?,
                "metadata" => metadata = map.next_value()?,
                "columnDefinitions" => {
                    let columns: Option<Vec<ColumnDefinition>> = map.next_value()?;
                    column = columns.iter().flatten().position(|c| c.name == form.column);
                }
                "rows" => {
                    // Rows follow the definitions of their columns.
                    let pointer = &column.map_or(String::new(), |index| format!("/cells/{index}"));
                    let rows = map.next_value_seed(Elements { pointer, each })?;
                    if rows > 0 && column.is_none() {
                        let problem = format!("a Table without a column {}", form.column);
                        return Err(Error::custom(problem));
                    }
                    read = "Table";
                }
                "items" => {
                    let pointer = form.pointer;
                    map.next_value_seed(Elements { pointer, each })?;
                    read = form.kind;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if read.is_empty() || kind != read {
            return Err(Error::custom(format!(
                "expected a Table or a {} with its list, got kind {kind:?}",
                form.kind
            )));
        }
        Ok(metadata.token)
    }
}

#[derive(Deserialize, Default)]
struct ListMeta {
    #[serde(default, rename = "continue")]
    token: String,
}

#[derive(Deserialize)]
struct ColumnDefinition {
    name: String,
}

/// An array, or null for an empty one: the text at `pointer` (RFC 6901) of each element that
/// has one. Holds one element at a time.
struct Elements<'a> {
    pointer: &'a str,
    each: &'a mut dyn FnMut(&str),
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    /// The number of elements.
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<u64, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or null")
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<u64, A::Error> {
        let mut count = 0;
        while let Some(element) = array.next_element::<Value>()? {
            if let Some(Value::String(text)) = element.pointer(self.pointer) {
                (self.each)(text);
            }
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: ListForm = ListForm {
        column: "Node",
        kind: "PodList",
        pointer: "/spec/nodeName",
    };

    /// The texts of a page, and the token of the next.
    fn page(json: &str) -> Result<(Vec<String>, String), String> {
        let mut texts = Vec::new();
        let mut each = |text: &str| texts.push(text.to_owned());
        let page = Page {
            form: PODS,
            each: &mut each,
        };
        let token = read(&mut json.as_bytes(), page).map_err(|error| error.to_string())?;
        Ok((texts, token))
    }

    #[test]
    fn rows_and_items_are_read_null_is_empty() {
        let head = r#"{"kind":"Table","metadata":{"continue":"x"},"columnDefinitions":[{"name":"Name"},{"name":"Node"}],"rows":"#;
        for (rows, texts) in [
            (
                r#"[{"cells":["a","n1",[],1.5,true,null,-2,{}],"object":null},{"cells":[1,"n2"]}]"#,
                vec!["n1", "n2"],
            ),
            (r#"[{"cells":["a",null]},{"cells":["a"]},{}]"#, vec![]),
            ("[]", vec![]),
            ("null", vec![]),
        ] {
            let (told, token) = page(&format!("{head}{rows}}}")).expect(rows);
            assert_eq!(
                (told, token.as_str()),
                (texts.iter().map(|t| (*t).to_owned()).collect(), "x")
            );
        }
        let list = r#"{"items":[{"spec":{"x":{"nodeName":"no"},"nodeName":"n1"}},{"spec":{}},{}],"kind":"PodList"}"#;
        assert_eq!(page(list), Ok((vec!["n1".to_owned()], String::new())));
        assert_eq!(
            page(r#"{"kind":"PodList","items":null}"#),
            Ok((vec![], String::new()))
        );
    }

    #[test]
    fn incomplete_list_is_never_an_empty_one() {
        for (json, says) in [
            (r#"{"kind":"Table"}"#, "with its list, got kind \"Table\""),
            (r#"{"kind":"Status"}"#, "got kind \"Status\""),
            (r#"{"kind":"NodeList","items":[]}"#, "got kind \"NodeList\""),
            (r#"{"kind":"Table","rows":{}}"#, "an array or null"),
            (
                r#"{"kind":"Table","rows":[{"cells":["a"]}]}"#,
                "without a column Node",
            ),
            (r#"{"kind":"PodList","items":[{}"#, "EOF"),
            ("[]", "a Table or a PodList"),
        ] {
            let error = page(json).expect_err(json);
            assert!(error.contains(says), "{json}: {error}");
        }
    }

    fn object(json: &str, types: &[AddressType]) -> Result<NodeAnswer, String> {
        let node: Node = serde_json::from_str(json).map_err(|error| error.to_string())?;
        node.read(types).map_err(|error| error.to_string())
    }

    #[test]
    fn kubelet_address_is_of_the_first_type() {
        use AddressType::{ExternalDns, ExternalIp, Hostname, InternalIp};
        const ALL: &str = r#""addresses":[{"type":"Hostname","address":"node-a"},{"type":"InternalIP","address":"10.0.0.1"},{"type":"ExternalIP","address":"192.0.2.1"}]"#;
        const NO_IP: &str = r#""addresses":[{"type":"Hostname","address":"node-a"},{"type":"ExternalDNS","address":"a b"}]"#;
        for (types, status, address) in [
            (&[Hostname, InternalIp][..], ALL, Some("node-a:10250")),
            (&[ExternalDns, ExternalIp], ALL, Some("192.0.2.1:10250")),
            (
                &[ExternalDns, InternalIp, Hostname],
                NO_IP,
                Some("node-a:10250"),
            ),
            (&[ExternalDns, InternalIp], NO_IP, None),
            (&[], ALL, None),
            (
                &[InternalIp],
                r#""addresses":[{"type":"Hostname","address":"10.9.9.9"},{"type":"InternalIP","address":"10.0.0.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10251}}"#,
                Some("10.0.0.1:10251"),
            ),
            (
                &[InternalIp],
                r#""addresses":[{"type":"InternalIP","address":"fd00::1"},{"type":"InternalIP","address":"10.0.0.1"}]"#,
                Some("[fd00::1]:10250"),
            ),
            (
                &[InternalIp],
                r#""addresses":null,"daemonEndpoints":{}"#,
                None,
            ),
            (&[InternalIp], r#""capacity":{}"#, None),
        ] {
            let json = format!(r#"{{"kind":"Node","status":{{{status}}}}}"#);
            let read = object(&json, types).expect(status);
            assert_eq!(
                read.kubelet.map(|origin| origin.authority()).as_deref(),
                address,
                "{types:?} of {status}"
            );
        }
        assert!(object(r#"{"kind":"Pod"}"#, &[InternalIp]).is_err());
    }

    #[test]
    fn boot_id_may_be_missing() {
        let id = "71cc0b5c-d443-4d9d-b584-4fea3803ed91";
        for (info, boot_id) in [
            (format!(r#"{{"bootID":"{id}"}}"#), BootId::parse(id)),
            (r#"{"bootID":""}"#.to_owned(), None),
            ("{}".to_owned(), None),
        ] {
            let json = format!(r#"{{"kind":"Node","status":{{"nodeInfo":{info}}}}}"#);
            let read = object(&json, &[]).expect(&info);
            assert_eq!(read.object.boot_id, boot_id, "{info}");
        }
    }
}
