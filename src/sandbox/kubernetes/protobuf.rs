//! The protobuf bodies that kubectl sends for the built-in kinds, read by the field numbers of the [`Shape`]s.
//! Answers are always JSON: every client that sends protobuf accepts it.

use std::str::Utf8Error;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::schema::{Field, Shape};

/// What a body of `application/vnd.kubernetes.protobuf` starts with.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the body does not start with the protobuf prefix of Kubernetes")]
    NoMagic,
    #[error("a field ends before its value does")]
    Truncated,
    #[error("wire type {0} is not used by Kubernetes")]
    WireType(u64),
    #[error("field {0} holds another type of value")]
    Mistyped(&'static str),
    #[error(transparent)]
    Text(#[from] Utf8Error),
}

/// One field on the wire.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Fixed-size numbers, which no kind served has.
    Skipped,
}

/// Reads the envelope (`runtime.Unknown`) and the object of that shape in it.
///
/// # Errors
/// When it is cut off, or something else.
pub(super) fn object(body: &[u8], shape: Shape) -> Result<Value, Error> {
    let mut envelope = body.strip_prefix(MAGIC).ok_or(Error::NoMagic)?;
    let mut object = Map::new();
    let (mut kind, mut version) = (String::new(), String::new());
    while let Some((number, wire)) = next(&mut envelope)? {
        match (number, wire) {
            (1, Wire::Bytes(mut types)) => {
                while let Some((number, wire)) = next(&mut types)? {
                    match (number, wire) {
                        (1, Wire::Bytes(bytes)) => std::str::from_utf8(bytes)?.clone_into(&mut version),
                        (2, Wire::Bytes(bytes)) => std::str::from_utf8(bytes)?.clone_into(&mut kind),
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(raw)) => {
                if let (Shape::Struct(fields), raw) = (shape, raw) {
                    object = message(raw, fields)?;
                }
            }
            _ => {}
        }
    }
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), version.into());
    Ok(object.into())
}

fn message(mut bytes: &[u8], fields: &[Field]) -> Result<Map<String, Value>, Error> {
    let mut object = Map::new();
    while let Some((number, wire)) = next(&mut bytes)? {
        // Fields without a number are never sent; others that are not known are newer than this server.
        let Some(field) = fields.iter().find(|field| u64::from(field.number) == number && number != 0) else {
            continue;
        };
        match (field.shape, wire) {
            (Shape::List(below), wire) => {
                let item = value(field.name, *below, wire)?;
                let list = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().ok_or(Error::Mistyped(field.name))?.push(item);
            }
            (Shape::Map, Wire::Bytes(entry)) => {
                let (key, text) = entry_of(entry)?;
                object.entry(field.name).or_insert_with(|| Value::Object(Map::new()))[key] = text.into();
            }
            (shape, wire) => {
                object.insert(field.name.to_owned(), value(field.name, shape, wire)?);
            }
        }
    }
    Ok(object)
}

fn value(name: &'static str, shape: Shape, wire: Wire<'_>) -> Result<Value, Error> {
    match (shape, wire) {
        (Shape::Text, Wire::Bytes(bytes)) => Ok(std::str::from_utf8(bytes)?.into()),
        (Shape::Boolean, Wire::Number(number)) => Ok((number != 0).into()),
        (Shape::Integer, Wire::Number(number)) => Ok(number.cast_signed().into()),
        (Shape::Struct(fields) | Shape::Atomic(fields), Wire::Bytes(bytes)) => Ok(message(bytes, fields)?.into()),
        (Shape::Time, Wire::Bytes(bytes)) => time(bytes),
        // Not looked into, but not nothing either.
        (Shape::Opaque, Wire::Bytes(_)) => Ok(Value::Object(Map::new())),
        _ => Err(Error::Mistyped(name)),
    }
}

/// A `Time`: seconds since 1970 in field 1. A message without it is Go's zero time, which JSON writes as null.
fn time(mut bytes: &[u8]) -> Result<Value, Error> {
    while let Some((number, wire)) = next(&mut bytes)? {
        if let (1, Wire::Number(seconds)) = (number, wire) {
            let time = Timestamp::from_second(seconds.cast_signed()).ok();
            return Ok(time.map_or(Value::Null, |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()));
        }
    }
    Ok(Value::Null)
}

/// A map's entry: key in field 1, value in field 2.
fn entry_of(mut bytes: &[u8]) -> Result<(&str, &str), Error> {
    let (mut key, mut text) = ("", "");
    while let Some((number, wire)) = next(&mut bytes)? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => key = std::str::from_utf8(bytes)?,
            (2, Wire::Bytes(bytes)) => text = std::str::from_utf8(bytes)?,
            _ => {}
        }
    }
    Ok((key, text))
}

/// The next field with its number, or `None` at the end.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u64, Wire<'a>)>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Wire::Skipped)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).map_err(|_| Error::Truncated)?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => take(bytes, 4).map(|_| Wire::Skipped)?,
        other => return Err(Error::WireType(other)),
    };
    Ok(Some((tag >> 3, wire)))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], Error> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Error::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Error::Truncated)?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Error::Truncated)
}
