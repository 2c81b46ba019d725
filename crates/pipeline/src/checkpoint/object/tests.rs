use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use object_store::PutPayload;
use object_store::memory::InMemory;

use super::*;
use crate::checkpoint::LastRecord;

fn checkpoint(position: i64, state: &[u8]) -> Checkpoint {
    Checkpoint { version: 3, position, last: LastRecord::of(position - 1, b"last"), state: state.to_vec() }
}

/// What every store must do, over an empty one.
fn keeps_its_word(store: &ObjectCheckpoints) {
    assert_eq!(store.newest(0, 3, i64::MAX).unwrap(), None, "an empty store holds none");
    // One that is written in parts.
    let large = checkpoint(20, &vec![7; PART * 2 + 5]);
    store.save(0, &checkpoint(10, b"ten")).unwrap();
    store.save(0, &large).unwrap();
    assert!(store.newest(0, 3, 100).unwrap() == Some(large));
    assert_eq!(store.newest(0, 3, 19).unwrap(), Some(checkpoint(10, b"ten")));
    assert_eq!(store.newest(1, 3, 100).unwrap(), None, "partitions do not mix");
    assert_eq!(store.newest(0, 4, 100).unwrap(), None, "nor versions");
    for position in [15, 30] {
        store.save(0, &checkpoint(position, b"state")).unwrap();
    }
    let left: Vec<i64> =
        store.runtime.block_on(store.list(0)).unwrap().into_iter().map(|(at, _)| at).collect();
    assert_eq!(left, [30, 20], "two are kept, whatever comes late");
    // Torn, flipped, foreign.
    let whole: Vec<u8> = checkpoint(40, b"spoilt").to_bytes();
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for spoilt in [whole[..whole.len() - 1].to_vec(), flipped, Vec::new()] {
        let path = store.folder(0).child(name_of(40));
        store.runtime.block_on(store.store.put(&path, PutPayload::from(spoilt))).unwrap();
        assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(30, b"state")));
    }
    let notes = store.folder(0).child("notes.txt");
    store.runtime.block_on(store.store.put(&notes, PutPayload::from_static(b"mine"))).unwrap();
    assert_eq!(store.newest(0, 3, 35).unwrap().map(|c| c.position), Some(30));
    // A log made anew begins below what its former life has left.
    store.save(0, &checkpoint(5, b"new life")).unwrap();
    assert_eq!(store.newest(0, 3, 9).unwrap(), Some(checkpoint(5, b"new life")));
    assert_eq!(store.forget_beyond(0, 9).unwrap(), 2, "40 and 30");
    assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(5, b"new life")));
}

#[test]
fn checkpoints_in_memory_and_in_files_are_kept_as_in_a_directory() {
    keeps_its_word(&ObjectCheckpoints::over(Arc::new(InMemory::new()), Path::from("a/b")).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    keeps_its_word(&ObjectCheckpoints::open(&url, BTreeMap::new(), "plumbline.log").unwrap());
}

#[test]
fn a_place_that_is_none_is_refused_with_its_name() {
    for url in ["s3:/no", "nowhere://bucket", "not a url"] {
        let refused = ObjectCheckpoints::open(url, BTreeMap::new(), "log").err().unwrap();
        assert_eq!(refused.kind(), Kind::Configuration);
        assert!(refused.to_string().contains(url), "{refused}");
    }
}

/// An S3 server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `moto_server` (`pip install 'moto[server]'`); where there is none, that is said.
#[test]
fn checkpoints_go_to_a_server_that_speaks_s3() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let started = Command::new("moto_server")
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(server) = started else {
        assert!(std::env::var_os("PLUMBLINE_REQUIRE_S3").is_none(), "no moto_server");
        eprintln!("\n*** NOT RUN: it needs moto_server (pip install 'moto[server]') ***\n");
        return;
    };
    let _server = Server(server);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < until, "no S3 server");
        std::thread::sleep(Duration::from_millis(100));
    }
    let options = [
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value));
    let store = ObjectCheckpoints::open("s3://plumbline/prod", options, "plumbline.log").unwrap();
    // Before there is a bucket, nothing can be kept, and that is an error and no panic.
    assert!(store.save(0, &checkpoint(1, b"")).is_err());
    make_bucket(port);
    keeps_its_word(&store);
}

/// `PUT /plumbline`, which the client has no call for.
fn make_bucket(port: u16) {
    use std::io::{Read, Write};
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request =
        "PUT /plumbline HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
