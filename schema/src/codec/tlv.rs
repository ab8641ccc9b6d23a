//! The binary form: dlcspecs `Messaging.md`.
//!
//! Every message is `bigsize type ‖ bigsize length ‖ body`; integers are
//! big-endian; a string is its bigsize byte length and its UTF-8 bytes. `base`
//! is a `u16` (the spec's text says bigsize; no implementation does).

use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;

use super::{CodecError, Layout};
use crate::announcement::{Announcement, OracleEvent, Promise};
use crate::attestation::Attestation;
use crate::event::{
    Descriptor, DigitsDescriptor, EnumDescriptor, EventId, MAX_STRING_BYTES, Maturity,
};

const ANNOUNCEMENT: (u64, &str) = (55_332, "oracle_announcement");
const EVENT: (u64, &str) = (55_330, "oracle_event");
const ENUM: (u64, &str) = (55_302, "enum_event_descriptor");
const DIGITS: (u64, &str) = (55_306, "digit_decomposition_event_descriptor");
const ATTESTATION: (u64, &str) = (55_400, "oracle_attestation");

/// The event TLV, type and length included: what the announcement signature
/// signs, and, with no nonces, the content that nonces are derived from.
///
/// A list longer than the wire's `u16` count, which no verified event holds, is
/// written as an empty one, which no decoder accepts.
pub fn event_tlv(
    nonces: &[XOnlyPublicKey],
    maturity: Maturity,
    descriptor: &Descriptor,
    event_id: &EventId,
) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + 32 * nonces.len());
    put_list(&mut body, nonces, |out, nonce| {
        out.extend_from_slice(&nonce.to_byte_array());
    });
    body.extend_from_slice(&maturity.epoch().to_be_bytes());
    body.extend_from_slice(&descriptor_tlv(descriptor));
    put_string(&mut body, event_id.as_str());
    wrap(EVENT, &body)
}

fn descriptor_tlv(descriptor: &Descriptor) -> Vec<u8> {
    let mut body = Vec::new();
    match descriptor {
        Descriptor::Enum(d) => {
            put_list(&mut body, d.outcomes(), |out, text| put_string(out, text));
            wrap(ENUM, &body)
        }
        Descriptor::Digits(d) => {
            body.extend_from_slice(&d.base().to_be_bytes());
            body.push(u8::from(d.is_signed()));
            put_string(&mut body, d.unit());
            body.extend_from_slice(&d.precision().to_be_bytes());
            body.extend_from_slice(&d.nb_digits().to_be_bytes());
            wrap(DIGITS, &body)
        }
    }
}

impl OracleEvent {
    /// The event as a TLV, type and length included.
    pub fn to_tlv(&self) -> Vec<u8> {
        event_tlv(
            &self.nonces,
            self.maturity,
            &self.descriptor,
            &self.event_id,
        )
    }

    /// The event TLV with an empty nonce list: everything an event is before
    /// nonces are derived for it.
    pub fn content_tlv(&self) -> Vec<u8> {
        event_tlv(&[], self.maturity, &self.descriptor, &self.event_id)
    }

    /// Reads an event TLV, type and length included.
    pub fn from_tlv(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let event = Self::read(&mut reader)?;
        reader.end(EVENT.1)?;
        Ok(event)
    }

    fn read(outer: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (nonces, maturity, descriptor, event_id) =
            read_event(outer, |r| r.point("oracle_nonces"))?;
        Ok(Self {
            nonces,
            maturity,
            descriptor,
            event_id,
        })
    }
}

type EventParts<N> = (Vec<N>, Maturity, Descriptor, EventId);

/// An event whose nonces are read by `nonce`, from 32 bytes each.
fn read_event<N>(
    outer: &mut Reader<'_>,
    nonce: impl Fn(&mut Reader<'_>) -> Result<N, CodecError>,
) -> Result<EventParts<N>, CodecError> {
    let mut body = outer.tlv(EVENT)?;
    let nonces = body.list("oracle_nonces", 32, nonce)?;
    let maturity = Maturity::from_epoch(body.u32("event_maturity_epoch")?);
    let descriptor = read_descriptor(&mut body)?;
    let event_id = body.event_id()?;
    body.end(EVENT.1)?;
    Ok((nonces, maturity, descriptor, event_id))
}

impl Promise {
    /// Reads an announcement TLV that was read before.
    pub(crate) fn from_message(message: &Reader<'_>) -> Result<Self, CodecError> {
        let mut body = message.clone().tlv(ANNOUNCEMENT)?;
        let _signature: [u8; 64] = body.array("announcement_signature")?;
        let oracle_public_key = body.point("oracle_public_key")?;
        let (nonces, maturity, descriptor, event_id) =
            read_event(&mut body, |r| r.array("oracle_nonces"))?;
        Ok(Self {
            oracle_public_key,
            nonces,
            maturity,
            descriptor,
            event_id,
        })
    }
}

fn read_descriptor(outer: &mut Reader<'_>) -> Result<Descriptor, CodecError> {
    let offset = outer.offset();
    let (kind, mut body) = outer.any_tlv("event_descriptor")?;
    let descriptor = if kind == ENUM.0 {
        let outcomes = body.list("outcomes", 1, |r| r.string("outcomes"))?;
        EnumDescriptor::new(outcomes).map(Descriptor::Enum)
    } else if kind == DIGITS.0 {
        let base = body.u16("base")?;
        let is_signed = body.boolean("is_signed")?;
        let unit = body.string("unit")?;
        let precision = i32::from_be_bytes(body.array("precision")?);
        let nb_digits = body.u16("nb_digits")?;
        DigitsDescriptor::new(base, is_signed, unit, precision, nb_digits).map(Descriptor::Digits)
    } else {
        return Err(CodecError::Type {
            field: "event_descriptor",
            offset,
            got: kind,
        });
    };
    body.end("event_descriptor")?;
    descriptor.map_err(|source| CodecError::Descriptor { offset, source })
}

impl Announcement {
    /// The announcement as a TLV, type and length included.
    pub fn to_tlv(&self) -> Vec<u8> {
        let event = self.event.to_tlv();
        let mut body = Vec::with_capacity(96 + event.len());
        body.extend_from_slice(self.signature.as_byte_array());
        body.extend_from_slice(&self.oracle_public_key.to_byte_array());
        body.extend_from_slice(&event);
        wrap(ANNOUNCEMENT, &body)
    }

    /// Reads an announcement TLV, or its bare body.
    pub fn from_tlv(bytes: &[u8]) -> Result<Self, CodecError> {
        Self::from_message(&Reader::new(bytes))
    }

    /// The same of everything that is left in a reader.
    pub(crate) fn from_message(message: &Reader<'_>) -> Result<Self, CodecError> {
        either_form(message, ANNOUNCEMENT, |body| {
            let signature = Signature::from_byte_array(body.array("announcement_signature")?);
            let oracle_public_key = body.point("oracle_public_key")?;
            let event = OracleEvent::read(body)?;
            body.end(ANNOUNCEMENT.1)?;
            Ok(Self {
                signature,
                oracle_public_key,
                event,
            })
        })
    }
}

impl Attestation {
    /// The attestation as a TLV, type and length included. Both layouts carry
    /// the same signatures.
    ///
    /// A list longer than the wire's `u16` count, which no verified attestation
    /// holds, is written as an empty one, which no decoder accepts.
    pub fn to_tlv(&self, layout: Layout) -> Vec<u8> {
        let mut body = Vec::with_capacity(128 + 72 * self.signatures.len());
        if let Some(id) = &self.event_id {
            put_string(&mut body, id.as_str());
        }
        body.extend_from_slice(&self.oracle_public_key.to_byte_array());
        put_list(&mut body, &self.signatures, |out, signature| {
            out.extend_from_slice(signature.as_byte_array());
        });
        match layout {
            Layout::Spec => {
                for outcome in &self.outcomes {
                    put_string(&mut body, outcome);
                }
            }
            Layout::Counted => {
                put_list(&mut body, &self.outcomes, |out, text| put_string(out, text));
            }
        }
        wrap(ATTESTATION, &body)
    }

    /// Reads an attestation TLV, or its bare body, in either layout, with an
    /// event id or in the old form without one.
    ///
    /// Nothing on the wire says which of the four it is. Each is tried
    /// strictly (exact length, as many outcomes as signatures, no outcome
    /// empty) and the first that fits is taken, in this order: with an id
    /// before without, [`Layout::Spec`] before [`Layout::Counted`]. Two can
    /// fit only where a count of at least 256 reads as a string, or a key as
    /// text; the signatures then decide in [`crate::verify`]. When none fits,
    /// the error is that of the one that came furthest.
    pub fn from_tlv(bytes: &[u8]) -> Result<(Self, Layout), CodecError> {
        Self::from_message(&Reader::new(bytes))
    }

    /// The same of everything that is left in a reader.
    pub(crate) fn from_message(message: &Reader<'_>) -> Result<(Self, Layout), CodecError> {
        either_form(message, ATTESTATION, |body| {
            let mut furthest: Option<CodecError> = None;
            for has_id in [true, false] {
                for layout in [Layout::Spec, Layout::Counted] {
                    match Self::read(body.clone(), has_id, layout) {
                        Ok(attestation) => return Ok((attestation, layout)),
                        Err(error) => {
                            if furthest
                                .as_ref()
                                .is_none_or(|f| f.offset() < error.offset())
                            {
                                furthest = Some(error);
                            }
                        }
                    }
                }
            }
            Err(furthest.unwrap_or(CodecError::Empty {
                field: ATTESTATION.1,
                offset: 0,
            }))
        })
    }

    fn read(mut body: Reader<'_>, has_id: bool, layout: Layout) -> Result<Self, CodecError> {
        let event_id = has_id.then(|| body.event_id()).transpose()?;
        let oracle_public_key = body.point("oracle_public_key")?;
        let signatures = body.list("signatures", 64, |r| {
            Ok(Signature::from_byte_array(r.array("signatures")?))
        })?;
        let outcome = |r: &mut Reader<'_>| {
            let offset = r.offset();
            let text = r.string("outcomes")?;
            if text.is_empty() {
                let field = "outcomes";
                return Err(CodecError::Empty { field, offset });
            }
            Ok(text)
        };
        let outcomes = match layout {
            Layout::Spec => (0..signatures.len())
                .map(|_| outcome(&mut body))
                .collect::<Result<Vec<_>, _>>()?,
            Layout::Counted => {
                let offset = body.offset();
                let outcomes = body.list("outcomes", 1, outcome)?;
                if outcomes.len() != signatures.len() {
                    return Err(CodecError::Count {
                        field: "outcomes",
                        offset,
                        got: outcomes.len(),
                        expected: signatures.len(),
                    });
                }
                outcomes
            }
        };
        body.end(ATTESTATION.1)?;
        Ok(Self {
            event_id,
            oracle_public_key,
            signatures,
            outcomes,
        })
    }
}

/// Reads a message with its TLV header, or, failing that, as a bare body.
///
/// A body can begin with the bytes of a header (a signature may), so a header
/// that leads nowhere is not the last word; but its error is the better one.
fn either_form<'a, T>(
    message: &Reader<'a>,
    (kind, field): (u64, &'static str),
    read: impl Fn(&mut Reader<'a>) -> Result<T, CodecError>,
) -> Result<T, CodecError> {
    let mut reader = message.clone();
    if reader.clone().bigsize(field).ok() != Some(kind) {
        return read(&mut reader);
    }
    let with_header = reader.tlv((kind, field)).and_then(|mut body| {
        reader.end(field)?;
        read(&mut body)
    });
    with_header.or_else(|error| read(&mut message.clone()).map_err(|_| error))
}

fn wrap((kind, _): (u64, &str), body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 12);
    put_bigsize(&mut out, kind);
    put_bigsize(&mut out, body.len() as u64);
    out.extend_from_slice(body);
    out
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    let Ok(count) = u16::try_from(items.len()) else {
        out.extend_from_slice(&[0, 0]);
        return;
    };
    out.extend_from_slice(&count.to_be_bytes());
    for item in items {
        put(out, item);
    }
}

/// Appends a string: bigsize byte length, then the UTF-8 bytes.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

/// Appends a bigsize byte length, then the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_bigsize(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a bigsize in its minimal form (BOLT 1).
fn put_bigsize(out: &mut Vec<u8>, value: u64) {
    if let Ok(byte @ 0..=0xfc) = u8::try_from(value) {
        out.push(byte);
    } else if let Ok(short) = u16::try_from(value) {
        out.push(0xfd);
        out.extend_from_slice(&short.to_be_bytes());
    } else if let Ok(long) = u32::try_from(value) {
        out.push(0xfe);
        out.extend_from_slice(&long.to_be_bytes());
    } else {
        out.push(0xff);
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// A cursor that knows where it is in the whole input.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    known: Option<&'a KnownPoint>,
}

/// A point that messages are likely to name: finding its y again costs as much
/// as a tenth of verifying a signature.
pub(crate) struct KnownPoint {
    point: XOnlyPublicKey,
    bytes: [u8; 32],
}

impl From<&XOnlyPublicKey> for KnownPoint {
    fn from(point: &XOnlyPublicKey) -> Self {
        Self {
            point: *point,
            bytes: point.to_byte_array(),
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            offset: 0,
            known: None,
        }
    }

    /// A reader that recognises a point.
    pub(crate) fn knowing(bytes: &'a [u8], known: &'a KnownPoint) -> Self {
        Self {
            known: Some(known),
            ..Self::new(bytes)
        }
    }

    /// What is left, as an input of its own.
    pub(crate) fn message(&self) -> Self {
        Self {
            offset: 0,
            ..self.clone()
        }
    }

    fn offset(&self) -> usize {
        self.offset
    }

    /// Everything that is left.
    pub(crate) fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, field: &'static str, len: u64) -> Result<&'a [u8], CodecError> {
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let Some((taken, rest)) = split else {
            return Err(CodecError::Truncated {
                field,
                offset: self.offset,
                needed: len,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        self.offset += taken.len();
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], CodecError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(CodecError::Truncated {
                field,
                offset: self.offset,
                needed: N as u64,
                left: self.rest.len(),
            });
        };
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, CodecError> {
        self.array(field).map(u8::from_be_bytes)
    }

    fn u16(&mut self, field: &'static str) -> Result<u16, CodecError> {
        self.array(field).map(u16::from_be_bytes)
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, CodecError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, CodecError> {
        self.array(field).map(u64::from_be_bytes)
    }

    fn boolean(&mut self, field: &'static str) -> Result<bool, CodecError> {
        let offset = self.offset;
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            got => Err(CodecError::Boolean { field, offset, got }),
        }
    }

    fn bigsize(&mut self, field: &'static str) -> Result<u64, CodecError> {
        let offset = self.offset;
        let (value, least) = match self.u8(field)? {
            0xfd => (u64::from(self.u16(field)?), 0xfd),
            0xfe => (u64::from(self.u32(field)?), 0x1_0000),
            0xff => (self.u64(field)?, 0x1_0000_0000),
            byte => (u64::from(byte), 0),
        };
        if value < least {
            return Err(CodecError::NotMinimal { field, offset });
        }
        Ok(value)
    }

    pub(crate) fn string(&mut self, field: &'static str) -> Result<String, CodecError> {
        let offset = self.offset;
        std::str::from_utf8(self.bytes(field, MAX_STRING_BYTES)?)
            .map(ToOwned::to_owned)
            .map_err(|_| CodecError::Utf8 { field, offset })
    }

    /// Bytes behind a bigsize length of at most `max`.
    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        max: usize,
    ) -> Result<&'a [u8], CodecError> {
        let offset = self.offset;
        let got = self.bigsize(field)?;
        if got > max as u64 {
            return Err(CodecError::TooLong {
                field,
                offset,
                got,
                max,
            });
        }
        self.take(field, got)
    }

    pub(crate) fn point(&mut self, field: &'static str) -> Result<XOnlyPublicKey, CodecError> {
        let offset = self.offset;
        let bytes = self.array(field)?;
        if let Some(known) = self.known.filter(|known| known.bytes == bytes) {
            return Ok(known.point);
        }
        XOnlyPublicKey::from_byte_array(bytes).map_err(|_| CodecError::Point { field, offset })
    }

    fn event_id(&mut self) -> Result<EventId, CodecError> {
        let offset = self.offset;
        EventId::parse(&self.string("event_id")?)
            .map_err(|source| CodecError::EventId { offset, source })
    }

    /// A non-empty list behind a `u16` count. `least` is the fewest bytes an
    /// item takes: a count that the bytes cannot hold is refused before any
    /// room is made for it.
    fn list<T>(
        &mut self,
        field: &'static str,
        least: u64,
        item: impl Fn(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let offset = self.offset;
        let count = self.u16(field)?;
        if count == 0 {
            return Err(CodecError::Empty { field, offset });
        }
        let needed = u64::from(count) * least;
        if needed > self.rest.len() as u64 {
            return Err(CodecError::Truncated {
                field,
                offset: self.offset,
                needed,
                left: self.rest.len(),
            });
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn any_tlv(&mut self, field: &'static str) -> Result<(u64, Self), CodecError> {
        let kind = self.bigsize(field)?;
        let len = self.bigsize(field)?;
        let offset = self.offset;
        let rest = self.take(field, len)?;
        let known = self.known;
        let body = Self {
            rest,
            offset,
            known,
        };
        Ok((kind, body))
    }

    fn tlv(&mut self, (due, field): (u64, &'static str)) -> Result<Self, CodecError> {
        let offset = self.offset;
        let (kind, body) = self.any_tlv(field)?;
        if kind == due {
            Ok(body)
        } else {
            Err(CodecError::Type {
                field,
                offset,
                got: kind,
            })
        }
    }

    pub(crate) fn end(&self, field: &'static str) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(CodecError::Trailing {
            field,
            offset: self.offset,
            count: self.rest.len(),
        })
    }
}
