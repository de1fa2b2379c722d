//! One place, one entry: whoever comes first, whatever the store pretends.

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutOptions, PutResult, Result as StoreResult,
};
use tokio::runtime::Runtime;

use super::*;
use crate::ledger::{Event, Opening};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn opening(attempt: &str) -> Entry {
    let opening = Opening { nonce: 7, digest: "d".to_owned(), agents: 5 };
    Entry { position: 0, attempt: attempt.to_owned(), event: Event::Opening(opening) }
}

#[test]
fn a_place_is_taken_once_by_whom_it_was_first() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let one = Store::open(folder.path(), runtime.handle().clone()).unwrap();
    let other = Store::open(folder.path(), runtime.handle().clone()).unwrap();
    assert_eq!(one.entry(0).unwrap(), None);
    assert_eq!(one.append(&opening("a")).unwrap(), Appended::Ours);
    assert_eq!(other.append(&opening("b")).unwrap(), Appended::Taken);
    assert_eq!(one.append(&opening("a")).unwrap(), Appended::Ours, "its own, written again");
    assert_eq!(other.entry(0).unwrap(), Some(opening("a")));
    assert_eq!(other.entry(1).unwrap(), None);
}

#[test]
fn lives_of_a_name_count_up_without_a_clock() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let store = Store::open(folder.path(), runtime.handle().clone()).unwrap();
    let (a, b) = (Name::new("a").unwrap(), Name::new("b").unwrap());
    let lives: Vec<u64> =
        [&a, &b, &a, &a].map(|name| store.new_life(name).unwrap()).into_iter().collect();
    assert_eq!(lives, [1, 1, 2, 3]);
}

#[test]
fn a_beat_is_replaced() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let store = Store::open(folder.path(), runtime.handle().clone()).unwrap();
    assert_eq!(store.beat().unwrap(), None);
    store.leave_beat(b"1".to_vec()).unwrap();
    store.leave_beat(b"2".to_vec()).unwrap();
    assert_eq!(store.beat().unwrap(), Some(b"2".to_vec()));
}

#[test]
fn a_folder_that_is_a_file_is_refused() {
    let (file, runtime) = (tempfile::NamedTempFile::new().unwrap(), runtime());
    let error = Store::open(file.path(), runtime.handle().clone()).unwrap_err();
    assert!(matches!(error, ShardError::Store { .. }), "{error}");
}

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It lets everybody create everything.
    Careless,
    /// Its first answer to a creation is lost after the object is there.
    Mumbling,
}

/// A store in memory with a fault.
#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    manner: Manner,
    lost: Mutex<u32>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        key: &Path,
        bytes: PutPayload,
        mut how: PutOptions,
    ) -> StoreResult<PutResult> {
        if self.manner == Manner::Careless {
            how.mode = PutMode::Overwrite;
        }
        let done = self.inner.put_opts(key, bytes, how).await?;
        let mut lost = self.lost.lock().unwrap();
        if self.manner == Manner::Mumbling && key.as_ref().starts_with("ledger") && *lost == 0 {
            *lost += 1;
            return Err(Error::Generic { store: "faulty", source: "connection reset".into() });
        }
        Ok(done)
    }

    async fn put_multipart_opts(
        &self,
        key: &Path,
        how: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> StoreResult<GetResult> {
        self.inner.get_opts(key, how).await
    }

    fn delete_stream(
        &self,
        keys: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, how).await
    }
}

fn faulty(manner: Manner, runtime: &Runtime) -> Result<Store, ShardError> {
    let store = Faulty { inner: InMemory::new(), manner, lost: Mutex::default() };
    Store::of(Arc::new(store), runtime.handle().clone())
}

#[test]
fn a_store_that_lets_two_create_one_object_is_refused() {
    let error = faulty(Manner::Careless, &runtime()).unwrap_err().to_string();
    assert_eq!(error, "the store memory: two hosts can create the same object in it");
}

#[test]
fn an_entry_whose_acknowledgement_was_lost_is_still_the_own_one() {
    let runtime = runtime();
    let store = faulty(Manner::Mumbling, &runtime).unwrap();
    assert_eq!(store.append(&opening("a")).unwrap(), Appended::Ours);
    assert_eq!(store.append(&opening("b")).unwrap(), Appended::Taken);
}
