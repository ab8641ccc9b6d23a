//! The JSON form: what rust-dlc's and ddk's `use-serde` features write.

use std::fmt;
use std::ops::RangeInclusive;

use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value, json};

use super::CodecError;
use crate::announcement::{Announcement, OracleEvent};
use crate::attestation::Attestation;
use crate::event::{Descriptor, DigitsDescriptor, EnumDescriptor, EventId, Maturity};

impl Announcement {
    /// The announcement as DLC JSON: `{announcementSignature, oraclePublicKey,
    /// oracleEvent: {oracleNonces, eventMaturityEpoch, eventDescriptor,
    /// eventId}}`.
    pub fn to_json(&self) -> Value {
        let descriptor = match &self.event.descriptor {
            Descriptor::Enum(d) => json!({ "enumEvent": { "outcomes": d.outcomes() } }),
            Descriptor::Digits(d) => json!({ "digitDecompositionEvent": {
                "base": d.base(),
                "isSigned": d.is_signed(),
                "unit": d.unit(),
                "precision": d.precision(),
                "nbDigits": d.nb_digits(),
            } }),
        };
        let nonces: Vec<String> = self.event.nonces.iter().map(ToString::to_string).collect();
        json!({
            "announcementSignature": self.signature.to_string(),
            "oraclePublicKey": self.oracle_public_key.to_string(),
            "oracleEvent": {
                "oracleNonces": nonces,
                "eventMaturityEpoch": self.event.maturity.epoch(),
                "eventDescriptor": descriptor,
                "eventId": self.event.event_id,
            },
        })
    }

    /// Reads DLC JSON; every member must be there, once, and no other.
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, CodecError> {
        let mut root = Object::parse(text.as_ref())?;
        let signature = root.take("announcementSignature")?.signature()?;
        let oracle_public_key = root.take("oraclePublicKey")?.point()?;
        let mut event = root.take("oracleEvent")?.object()?;
        root.end()?;
        let nonces = event.take("oracleNonces")?.list(Member::point)?;
        let maturity = Maturity::from_epoch(event.take("eventMaturityEpoch")?.integer()?);
        let descriptor = read_descriptor(event.take("eventDescriptor")?)?;
        let event_id = event.take("eventId")?.event_id()?;
        event.end()?;
        Ok(Self {
            signature,
            oracle_public_key,
            event: OracleEvent {
                nonces,
                maturity,
                descriptor,
                event_id,
            },
        })
    }
}

fn read_descriptor(member: Member) -> Result<Descriptor, CodecError> {
    let path = member.path.clone();
    let mut choice = member.object()?;
    let descriptor = if choice.has("enumEvent") {
        let mut body = choice.take("enumEvent")?.object()?;
        let outcomes = body.take("outcomes")?.list(Member::text)?;
        body.end()?;
        EnumDescriptor::new(outcomes).map(Descriptor::Enum)
    } else if choice.has("digitDecompositionEvent") {
        let mut body = choice.take("digitDecompositionEvent")?.object()?;
        let base = body.take("base")?.integer()?;
        let is_signed = body.take("isSigned")?.boolean()?;
        let unit = body.take("unit")?.text()?;
        let precision = body.take("precision")?.integer()?;
        let nb_digits = body.take("nbDigits")?.integer()?;
        body.end()?;
        DigitsDescriptor::new(base, is_signed, unit, precision, nb_digits).map(Descriptor::Digits)
    } else {
        let problem = "neither enumEvent nor digitDecompositionEvent".to_owned();
        return Err(CodecError::JsonShape { path, problem });
    };
    choice.end()?;
    descriptor.map_err(|source| CodecError::Descriptor { offset: 0, source })
}

impl Attestation {
    /// The attestation as DLC JSON: `{eventId, oraclePublicKey, signatures,
    /// outcomes}`; `eventId` is left out in the old form without one.
    pub fn to_json(&self) -> Value {
        let signatures: Vec<String> = self.signatures.iter().map(ToString::to_string).collect();
        let mut out = json!({
            "oraclePublicKey": self.oracle_public_key.to_string(),
            "signatures": signatures,
            "outcomes": self.outcomes,
        });
        if let (Some(id), Some(members)) = (&self.event_id, out.as_object_mut()) {
            members.insert("eventId".to_owned(), json!(id));
        }
        out
    }

    /// Reads DLC JSON; every member must be there, once, and no other. Only
    /// `eventId` may be missing (old form).
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, CodecError> {
        let mut root = Object::parse(text.as_ref())?;
        let event_id = if root.has("eventId") {
            Some(root.take("eventId")?.event_id()?)
        } else {
            None
        };
        let oracle_public_key = root.take("oraclePublicKey")?.point()?;
        let signatures = root.take("signatures")?.list(Member::signature)?;
        let member = root.take("outcomes")?;
        let path = member.path.clone();
        let outcomes = member.list(|m| {
            let path = m.path.clone();
            let text = m.text()?;
            if text.is_empty() {
                let problem = "is empty".to_owned();
                return Err(CodecError::JsonShape { path, problem });
            }
            Ok(text)
        })?;
        root.end()?;
        if outcomes.len() != signatures.len() {
            let problem = format!("{} for {} signatures", outcomes.len(), signatures.len());
            return Err(CodecError::JsonShape { path, problem });
        }
        Ok(Self {
            event_id,
            oracle_public_key,
            signatures,
            outcomes,
        })
    }
}

/// JSON as written: unlike [`Value`], it refuses a repeated key instead of
/// keeping the last.
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(Node::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, node)) = entries.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("key {key:?} occurs twice")));
            }
            members.push((key, node));
        }
        Ok(Node::Object(members))
    }
}

/// A value and where it stands.
pub(crate) struct Member {
    pub(crate) path: String,
    node: Node,
}

impl Member {
    pub(crate) fn wrong(path: String, expected: &str) -> CodecError {
        CodecError::JsonShape {
            path,
            problem: format!("is not {expected}"),
        }
    }

    pub(crate) fn object(self) -> Result<Object, CodecError> {
        match self.node {
            Node::Object(members) => Ok(Object {
                path: self.path,
                members,
            }),
            _ => Err(Self::wrong(self.path, "an object")),
        }
    }

    fn list<T>(self, item: impl Fn(Self) -> Result<T, CodecError>) -> Result<Vec<T>, CodecError> {
        self.list_of(1..=usize::from(u16::MAX), item)
    }

    /// As many items as `lengths` allow.
    pub(crate) fn list_of<T>(
        self,
        lengths: RangeInclusive<usize>,
        item: impl Fn(Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let Node::List(nodes) = self.node else {
            return Err(Self::wrong(self.path, "an array"));
        };
        if !lengths.contains(&nodes.len()) {
            let (least, most) = lengths.into_inner();
            let expected = format!("an array of {least} to {most} items");
            return Err(Self::wrong(self.path, &expected));
        }
        let path = self.path;
        nodes
            .into_iter()
            .enumerate()
            .map(|(i, node)| {
                let path = format!("{path}[{i}]");
                item(Self { path, node })
            })
            .collect()
    }

    fn text(self) -> Result<String, CodecError> {
        match self.node {
            Node::Text(text) if text.len() <= crate::event::MAX_STRING_BYTES => Ok(text),
            Node::Text(_) => Err(Self::wrong(self.path, "at most 4096 bytes long")),
            _ => Err(Self::wrong(self.path, "a string")),
        }
    }

    /// A string of at most `max` characters.
    pub(crate) fn text_up_to(self, max: usize) -> Result<String, CodecError> {
        match self.node {
            Node::Text(text) if text.chars().count() <= max => Ok(text),
            Node::Text(_) => {
                let expected = format!("at most {max} characters long");
                Err(Self::wrong(self.path, &expected))
            }
            _ => Err(Self::wrong(self.path, "a string")),
        }
    }

    fn boolean(self) -> Result<bool, CodecError> {
        match self.node {
            Node::Bool(value) => Ok(value),
            _ => Err(Self::wrong(self.path, "true or false")),
        }
    }

    fn integer<T: TryFrom<i64>>(self) -> Result<T, CodecError> {
        match &self.node {
            Node::Number(n) => n.as_i64().and_then(|n| T::try_from(n).ok()),
            _ => None,
        }
        .ok_or_else(|| Self::wrong(self.path, "an integer in range"))
    }

    /// Hex text of `N` bytes, and the path.
    pub(crate) fn bytes<const N: usize>(self) -> Result<([u8; N], String), CodecError> {
        let path = self.path.clone();
        let mut bytes = [0; N];
        hex::decode_to_slice(self.text()?, &mut bytes)
            .map_err(|_| Self::wrong(path.clone(), &format!("{N} bytes of hex")))?;
        Ok((bytes, path))
    }

    fn point(self) -> Result<XOnlyPublicKey, CodecError> {
        let (bytes, path) = self.bytes::<32>()?;
        XOnlyPublicKey::from_byte_array(bytes)
            .map_err(|_| Self::wrong(path, "an x-only point on the curve"))
    }

    fn signature(self) -> Result<Signature, CodecError> {
        self.bytes::<64>()
            .map(|(bytes, _)| Signature::from_byte_array(bytes))
    }

    fn event_id(self) -> Result<EventId, CodecError> {
        EventId::parse(&self.text()?).map_err(|source| CodecError::EventId { offset: 0, source })
    }
}

/// Members not yet read.
pub(crate) struct Object {
    path: String,
    members: Vec<(String, Node)>,
}

impl Object {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, CodecError> {
        let node: Node =
            serde_json::from_slice(text).map_err(|e| CodecError::Json(e.to_string()))?;
        Member {
            path: String::new(),
            node,
        }
        .object()
    }

    fn member_path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(k, _)| k == key)
    }

    pub(crate) fn take(&mut self, key: &str) -> Result<Member, CodecError> {
        let path = self.member_path(key);
        match self.members.iter().position(|(k, _)| k == key) {
            Some(i) => {
                let (_, node) = self.members.swap_remove(i);
                Ok(Member { path, node })
            }
            None => Err(CodecError::JsonShape {
                path,
                problem: "is missing".to_owned(),
            }),
        }
    }

    pub(crate) fn end(&self) -> Result<(), CodecError> {
        match self.members.first() {
            None => Ok(()),
            Some((key, _)) => Err(CodecError::JsonShape {
                path: self.member_path(key),
                problem: "is not a member of this message".to_owned(),
            }),
        }
    }
}
