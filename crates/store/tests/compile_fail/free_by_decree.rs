//! Only the store says which documents are free, for types of one's own as for those of vaults.

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Mine;

impl store::Document for Mine {
    const KIND: &'static str = "vault";

    fn key(&self) -> String {
        "mine".into()
    }
}

impl store::Free for Mine {}

fn main() {}
