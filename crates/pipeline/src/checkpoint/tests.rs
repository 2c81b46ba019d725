use super::*;

fn checkpoint(position: i64, state: &[u8]) -> Checkpoint {
    Checkpoint { version: 3, position, last: LastRecord::of(position - 1, b"last"), state: state.to_vec() }
}

fn store() -> (tempfile::TempDir, DirectoryStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = DirectoryStore::new(dir.path(), "plumbline.log");
    (dir, store)
}

#[test]
fn the_newest_at_or_before_the_position_comes_back_as_it_was() {
    let (_dir, store) = store();
    assert_eq!(store.newest(0, 3, i64::MAX).unwrap(), None, "an empty store holds none");
    store.save(0, &checkpoint(10, b"ten")).unwrap();
    store.save(0, &checkpoint(20, b"")).unwrap();
    assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(20, b"")));
    assert_eq!(store.newest(0, 3, 19).unwrap(), Some(checkpoint(10, b"ten")));
    assert_eq!(store.newest(0, 3, 9).unwrap(), None);
    assert_eq!(store.newest(1, 3, 100).unwrap(), None, "partitions do not mix");
    assert_eq!(store.newest(0, 4, 100).unwrap(), None, "nor versions");
}

#[test]
fn two_are_kept_and_a_later_save_of_one_position_replaces_it() {
    let (_dir, store) = store();
    for position in [5, 10, 15, 20] {
        store.save(0, &checkpoint(position, b"state")).unwrap();
    }
    assert_eq!(store.newest(0, 3, 14).unwrap(), None, "5 and 10 are gone");
    store.save(0, &checkpoint(20, b"again")).unwrap();
    assert_eq!(store.newest(0, 3, 20).unwrap(), Some(checkpoint(20, b"again")));
    assert_eq!(store.newest(0, 3, 19).unwrap(), Some(checkpoint(15, b"state")));
}

/// A log made anew begins again at low positions, below those that its former life has left.
#[test]
fn the_one_just_saved_stays_whatever_lies_further_and_what_lies_beyond_the_log_goes() {
    let (_dir, store) = store();
    for position in [900_000, 1_000_000] {
        store.save(0, &checkpoint(position, b"former life")).unwrap();
        store.save(1, &checkpoint(position, b"another partition")).unwrap();
    }
    store.save(0, &checkpoint(500, b"new life")).unwrap();
    assert_eq!(store.newest(0, 3, 500).unwrap(), Some(checkpoint(500, b"new life")));
    assert_eq!(store.newest(0, 3, i64::MAX).unwrap().map(|c| c.position), Some(1_000_000));
    assert_eq!(store.forget_beyond(0, 500).unwrap(), 2);
    assert_eq!(store.newest(0, 3, i64::MAX).unwrap(), Some(checkpoint(500, b"new life")));
    assert_eq!(store.forget_beyond(0, 500).unwrap(), 0);
    assert_eq!(store.newest(1, 3, i64::MAX).unwrap().map(|c| c.position), Some(1_000_000));
    assert_eq!(store.forget_beyond(7, 0).unwrap(), 0, "a partition without any");
}

#[test]
fn a_torn_or_flipped_checkpoint_gives_way_to_the_one_before() {
    let (_dir, store) = store();
    store.save(0, &checkpoint(10, b"good")).unwrap();
    store.save(0, &checkpoint(20, b"spoilt")).unwrap();
    let path = store.list(0).unwrap()[0].1.clone();
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(store.newest(0, 3, 20).unwrap(), Some(checkpoint(10, b"good")), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&path, &flipped).unwrap();
        assert_eq!(store.newest(0, 3, 20).unwrap(), Some(checkpoint(10, b"good")), "flipped at {at}");
    }
}

#[test]
fn an_interrupted_write_and_foreign_files_are_no_checkpoints() {
    let (_dir, store) = store();
    store.save(0, &checkpoint(10, b"good")).unwrap();
    std::fs::write(store.folder(0).join("00000000000000000030.writing"), b"half").unwrap();
    std::fs::write(store.folder(0).join("notes.txt"), b"mine").unwrap();
    assert_eq!(store.newest(0, 3, 100).unwrap().map(|c| c.position), Some(10));
}

#[test]
fn a_full_disk_costs_a_checkpoint_and_nothing_else() {
    let (_dir, store) = store();
    store.save(0, &checkpoint(10, b"good")).unwrap();
    // A device that is always full stands where the next one would be written.
    let writing = store.folder(0).join("00000000000000000020.writing");
    std::os::unix::fs::symlink("/dev/full", &writing).unwrap();
    let error = store.save(0, &checkpoint(20, b"no room")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(!writing.is_symlink(), "what was begun is removed");
    assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(10, b"good")));
    store.save(0, &checkpoint(20, b"room again")).unwrap();
    assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(20, b"room again")));
}

#[test]
fn a_checkpoint_that_cannot_be_read_gives_way_to_the_one_before() {
    let (_dir, store) = store();
    store.save(0, &checkpoint(10, b"good")).unwrap();
    std::fs::create_dir(store.folder(0).join("00000000000000000030.checkpoint")).unwrap();
    assert_eq!(store.newest(0, 3, 100).unwrap(), Some(checkpoint(10, b"good")));
}
