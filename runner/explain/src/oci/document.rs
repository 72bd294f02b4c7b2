//! The texts of images that refer to other files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Longer texts are none of an image.
const LONGEST: usize = 4 << 20;
/// As many images or layers are looked at.
const MOST: usize = 4096;

/// A reference to a blob.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    digest: String,
    size: Value,
}

/// An image of an archive of `docker save`, by the names of files.
#[derive(Debug)]
pub(super) struct DockerImage {
    pub(super) config: String,
    pub(super) layers: Vec<String>,
}

/// Reads a text; none if it is too long or no JSON.
pub(super) fn parsed(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().filter(|_| bytes.len() <= LONGEST)
}

/// A value on many lines, so that it can be seen where two of them part.
pub(super) fn lines(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The references of a list; what is none is passed over.
pub(super) fn descriptors(list: &Value) -> Vec<Descriptor> {
    list.as_array().into_iter().flatten().take(MOST).filter_map(Descriptor::of).collect()
}

/// The images that an archive of `docker save` lists.
pub(super) fn docker_images(bytes: &[u8]) -> Option<Vec<DockerImage>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let image = |value: &Value| {
        let layers = value["Layers"].as_array()?.iter().take(MOST).map(text).collect::<Option<_>>()?;
        Some(DockerImage { config: text(&value["Config"])?, layers })
    };
    parsed(bytes)?.as_array()?.iter().take(MOST).map(image).collect()
}

impl Descriptor {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let digest = value["digest"].as_str().filter(|digest| digest.contains(':'))?;
        Some(Self { digest: digest.to_owned(), size: value["size"].clone() })
    }

    /// The name of the blob's file.
    pub(super) fn name(&self) -> String {
        format!("blobs/{}", self.digest.replace(':', "/"))
    }
}

/// What stands on the first side in the place of what stands on the second. One text may have several: an image that
/// differs may have begun as another one's equal.
#[derive(Debug, Default)]
pub(super) struct Substitutes {
    texts: BTreeSet<[String; 2]>,
    /// The size of the second side's blob by its digest.
    sizes: BTreeMap<String, Value>,
}

impl Substitutes {
    pub(super) fn add(&mut self, first: &str, second: &str) {
        self.texts.insert([first, second].map(str::to_owned));
    }

    pub(super) fn add_blobs(&mut self, [first, second]: &[Descriptor; 2]) {
        if first.digest != second.digest {
            self.add(&first.digest, &second.digest);
            self.sizes.insert(second.digest.clone(), second.size.clone());
        }
    }

    /// What configurations call their layers.
    pub(super) fn add_layers(&mut self, first: &Value, second: &Value) {
        let layers = |value: &Value| value["rootfs"]["diff_ids"].as_array().cloned().unwrap_or_default();
        for (left, right) in layers(first).iter().zip(&layers(second)).take(MOST) {
            if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
                self.add(left, right);
            }
        }
    }

    /// A value of the first side with what stands at the same place of the second, where that is a substitute.
    pub(super) fn put_into(&self, value: Value, second: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, second)),
            Value::Array(list) => {
                let put = |(n, value)| self.put_into(value, &second[n]);
                list.into_iter().enumerate().map(put).collect()
            }
            Value::Object(map) => self.put_into_object(map, second),
            other => other,
        }
    }

    fn text(&self, text: String, second: &Value) -> String {
        let Some(other) = second.as_str() else { return text };
        let pair = [text, other.to_owned()];
        let is_one = self.texts.contains(&pair);
        let [text, other] = pair;
        if is_one { other } else { text }
    }

    /// The size goes with the digest.
    fn put_into_object(&self, map: Map<String, Value>, second: &Value) -> Value {
        let before = map.get("digest").cloned();
        let put = |(key, value): (String, Value)| {
            let value = self.put_into(value, &second[&key]);
            (key, value)
        };
        let mut map: Map<String, Value> = map.into_iter().map(put).collect();
        let digest = map.get("digest").filter(|digest| before.as_ref() != Some(*digest));
        let size = digest.and_then(Value::as_str).and_then(|digest| self.sizes.get(digest)).cloned();
        if let Some((own, size)) = map.get_mut("size").zip(size) {
            *own = size;
        }
        Value::Object(map)
    }
}
