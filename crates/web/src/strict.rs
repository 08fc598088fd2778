//! Where a body has a list and an object is meant.
//!
//! Serde fills the fields of a struct from a list by their position in our source. Nobody was promised that, and it would change its
//! meaning whenever fields are put in another order, so it is refused. What is read here is thrown away: all else that may be
//! wrong with a body is found, and said better, where it is read for use.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};
use std::fmt;

/// The path of the first list that stands where an object is meant; of a body that is one itself, `.`.
pub(crate) fn list_for_object<T: DeserializeOwned>(bytes: &[u8]) -> Option<String> {
    if !bytes.contains(&b'[') {
        return None;
    }
    list_in::<T>(serde_json::from_slice(bytes).ok()?)
}

/// The same of a part of a body that was read already.
pub(crate) fn list_in<T: DeserializeOwned>(value: Value) -> Option<String> {
    let error = serde_path_to_error::deserialize::<_, T>(Strict(value)).err()?;
    error.inner().is_list_for_object.then(|| error.path().to_string())
}

/// A value that gives a list to nobody who wants an object.
struct Strict(Value);

#[derive(Debug)]
struct Wrong {
    is_list_for_object: bool,
}

const OTHERWISE: Wrong = Wrong { is_list_for_object: false };

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not what is expected")
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(_: T) -> Wrong {
        OTHERWISE
    }
}

impl<'de> IntoDeserializer<'de, Wrong> for Strict {
    type Deserializer = Strict;

    fn into_deserializer(self) -> Strict {
        self
    }
}

type Members = std::iter::Map<serde_json::map::IntoIter, fn((String, Value)) -> (String, Strict)>;

fn members<'de>(object: Map<String, Value>) -> MapDeserializer<'de, Members, Wrong> {
    let strict: fn((String, Value)) -> (String, Strict) = |(name, value)| (name, Strict(value));
    MapDeserializer::new(object.into_iter().map(strict))
}

impl<'de> Deserializer<'de> for Strict {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(yes) => visitor.visit_bool(yes),
            Value::Number(number) => number.deserialize_any(visitor).map_err(|_| OTHERWISE),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter().map(Strict))),
            Value::Object(object) => visitor.visit_map(members(object)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Array(_) => Err(Wrong { is_list_for_object: true }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            Value::Object(object) => visitor.visit_enum(MapAccessDeserializer::new(members(object))),
            _ => Err(OTHERWISE),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}
