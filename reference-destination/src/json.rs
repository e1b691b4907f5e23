//! JSON as text: looking into objects without changing a byte of what is not looked for.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The bytes of a JSON string: UTF-8, but for escapes that are no Unicode scalar (`\ud800`), which
/// become three bytes as if they were. Their order is that of the code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl<'de> serde::Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_bytes(Visit)
    }
}

/// Picks members out of an object: `slots[i]` becomes the value of `names[i]`.
struct Pick<'n, 's, 'a> {
    names: &'n [&'n str],
    slots: &'s mut [Option<&'a RawValue>],
}

/// Compares a key with the wanted names, and yields the position of the one that it is.
struct Key<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| name.as_bytes() == key))
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

impl<'de> DeserializeSeed<'de> for Pick<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Pick<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(wanted) = map.next_key_seed(Key(self.names))? {
            match wanted {
                Some(index) => self.slots[index] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The members of an object with the given names, in one pass; of a repeated one, the last.
///
/// What is no object has no members.
pub fn members<'a>(object: &'a str, names: &[&str], slots: &mut [Option<&'a RawValue>]) {
    slots.fill(None);
    let mut deserializer = serde_json::Deserializer::from_str(object);
    if (Pick { names, slots: &mut *slots }).deserialize(&mut deserializer).is_err() {
        slots.fill(None);
    }
}

/// The value at the end of a path.
#[must_use]
pub fn at<'a>(value: &'a RawValue, path: &[String]) -> Option<&'a RawValue> {
    let mut value = value;
    for name in path {
        let mut slot = [None];
        members(value.get(), &[name], &mut slot);
        value = slot[0]?;
    }
    Some(value)
}

/// All members of an object as they are written, quotes and escapes of the keys included.
pub fn entries(object: &str) -> serde_json::Result<Vec<(&str, &str)>> {
    struct Visit;
    impl<'de> Visitor<'de> for Visit {
        type Value = Vec<(&'de str, &'de str)>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                entries.push((key.get(), value.get()));
            }
            Ok(entries)
        }
    }
    serde_json::Deserializer::from_str(object).deserialize_map(Visit)
}

/// Writes an object of members that are JSON text already.
#[must_use]
pub fn object<K: AsRef<str>, V: AsRef<str>>(entries: &[(K, V)]) -> String {
    let members: Vec<_> =
        entries.iter().map(|(key, value)| format!("{}:{}", key.as_ref(), value.as_ref())).collect();
    format!("{{{}}}", members.join(","))
}

/// Text as a JSON string.
#[must_use]
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_past_what_no_string_type_can_hold() {
        let mut slots = [None, None];
        members(r#"{"\ud800":1,"a":[1e5],"b\u0062":"\udfff","a":2}"#, &["a", "bb"], &mut slots);
        assert_eq!(slots.map(|slot| slot.map(RawValue::get)), [Some("2"), Some(r#""\udfff""#)]);
    }

    #[test]
    fn entries_keep_their_spelling() {
        let text = r#"{"\u0061":1.0,"\ud800":{"x": 1}}"#;
        assert_eq!(object(&entries(text).unwrap()), text);
    }
}
