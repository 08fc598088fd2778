//! SQLite's file system interface, in front of the disks: nothing but the translation of its calls.
//!
//! One virtual file system for all disks, registered once and never removed, so that no connection can outlive it. Every
//! function here is called by SQLite alone, which keeps to the contract of <https://sqlite.org/c3ref/vfs.html> and
//! <https://sqlite.org/c3ref/io_methods.html>: a file is used between a successful `xOpen` and its `xClose` only, never
//! by two threads at once, and every buffer has the length that is said.

use crate::disk::{FaultDisk, Handle, Refusal, VFS_NAME};
use rusqlite::ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

/// The longest path, in octets.
const PATH_BYTES_MAX: c_int = 1_024;
/// What SQLite's own file system says of a disk whose sectors it does not know, in octets.
const SECTOR_BYTES_TOLD: c_int = 4_096;
/// 2026-01-01, as milliseconds of the Julian calendar: nothing in the ledger asks SQLite for the time.
const NOW_JULIAN_MS: i64 = 212_633_985_600_000;

/// What SQLite has of an open file: its own header, then ours.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    held: *mut Held,
}

enum Held {
    OnDisk {
        handle: Handle,
        remove: Option<String>,
    },
    /// A scratch file of SQLite's: nobody needs it after a crash.
    Scratch(Vec<u8>),
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes the file system known to SQLite, once.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let name = CString::new(VFS_NAME).unwrap_or_default();
        let vfs = Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<OpenFile>() as c_int,
            mxPathname: PATH_BYTES_MAX,
            pNext: ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: Some(current_time_ms),
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        });
        // SAFETY: the structure is complete, and neither it nor its name is ever freed.
        let registered = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(vfs), 0) };
        assert_eq!(registered, ffi::SQLITE_OK, "SQLite takes a file system");
    });
}

/// SQLite's word for a refusal, of which `failed` is the one for a failure.
fn code(outcome: Result<(), Refusal>, failed: c_int) -> c_int {
    match outcome {
        Ok(()) => ffi::SQLITE_OK,
        Err(Refusal::Full) => ffi::SQLITE_FULL,
        Err(Refusal::Failed | Refusal::Missing | Refusal::Dead) => failed,
    }
}

/// SQLite's word for a lock: it waits for one that another has, and not for one of the dead.
fn lock_code(taken: Result<bool, Refusal>, failed: c_int) -> c_int {
    match taken {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(_) => failed,
    }
}

/// What stands behind an open file.
///
/// # Safety
/// `file` must be one that `open` opened and `close` has not closed, in use by nobody else.
unsafe fn held<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Held {
    // SAFETY: by the contract above `file` is the header of an `OpenFile` whose `held` came from `Box::into_raw`.
    unsafe { &mut *(*file.cast::<OpenFile>()).held }
}

/// A path as SQLite gives it.
///
/// # Safety
/// `name` must be a C string.
unsafe fn text(name: *const c_char) -> String {
    // SAFETY: by the contract above.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let opened = if name.is_null() {
        Some(Held::Scratch(Vec::new()))
    } else {
        // SAFETY: a name that is not null is a C string.
        let path = unsafe { text(name) };
        let make = flags & ffi::SQLITE_OPEN_CREATE != 0;
        let handle = FaultDisk::of(&path).and_then(|disk| disk.open(&path, make, false).ok());
        let remove = (flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0).then_some(path);
        handle.map(|handle| Held::OnDisk { handle, remove })
    };
    let file = file.cast::<OpenFile>();
    // SAFETY: SQLite gives `szOsFile` octets for the file, and a place for the flags or null.
    unsafe {
        // Without methods SQLite does not close what was not opened.
        (*file).base.pMethods = ptr::null();
        let Some(opened) = opened else { return ffi::SQLITE_CANTOPEN };
        (*file).held = Box::into_raw(Box::new(opened));
        (*file).base.pMethods = &METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: the last call for an open file; its box is given back once, here.
    let held = unsafe { Box::from_raw((*file.cast::<OpenFile>()).held) };
    if let Held::OnDisk { mut handle, remove } = *held {
        handle.unmap();
        handle.lower(ffi::SQLITE_LOCK_NONE);
        if let Some((disk, path)) = remove.and_then(|path| Some((FaultDisk::of(&path)?, path))) {
            // A file that is to go and cannot is litter, and no fault of the one who closes it.
            disk.remove(&path, false).ok();
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, count: c_int, at: i64) -> c_int {
    let (count, at) = (count as usize, at as u64);
    // SAFETY: SQLite gives a buffer of `count` octets, which is written as a whole before it is read.
    let into = unsafe {
        ptr::write_bytes(into.cast::<u8>(), 0, count);
        std::slice::from_raw_parts_mut(into.cast::<u8>(), count)
    };
    // SAFETY: an open file.
    let outcome = match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => handle.read(into, at),
        Held::Scratch(bytes) => {
            let there = bytes.get(at as usize..).unwrap_or_default();
            let found = there.len().min(count);
            into[..found].copy_from_slice(&there[..found]);
            Ok(found)
        }
    };
    match outcome {
        Ok(found) if found == count => ffi::SQLITE_OK,
        Ok(_) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, count: c_int, at: i64) -> c_int {
    let (count, at) = (count as usize, at as u64);
    // SAFETY: SQLite gives a buffer of `count` octets.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count) };
    // SAFETY: an open file.
    match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => code(handle.write(bytes, at), ffi::SQLITE_IOERR_WRITE),
        Held::Scratch(all) => {
            let (start, end) = (at as usize, at as usize + count);
            all.resize(all.len().max(end), 0);
            all[start..end].copy_from_slice(bytes);
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: an open file.
    match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => code(handle.cut(size as u64), ffi::SQLITE_IOERR_TRUNCATE),
        Held::Scratch(all) => {
            all.resize(size as usize, 0);
            ffi::SQLITE_OK
        }
    }
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => code(handle.flush(), ffi::SQLITE_IOERR_FSYNC),
        Held::Scratch(_) => ffi::SQLITE_OK,
    }
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: an open file.
    let octets = match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => handle.octets(),
        Held::Scratch(all) => Ok(all.len() as u64),
    };
    let Ok(octets) = octets else { return ffi::SQLITE_IOERR_FSTAT };
    // SAFETY: a place for the answer.
    unsafe { *size = octets as i64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    match unsafe { held(file) } {
        Held::OnDisk { handle, .. } => lock_code(handle.raise(level), ffi::SQLITE_IOERR_LOCK),
        Held::Scratch(_) => ffi::SQLITE_OK,
    }
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    if let Held::OnDisk { handle, .. } = unsafe { held(file) } {
        handle.lower(level);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, answer: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let is_reserved = matches!(unsafe { held(file) }, Held::OnDisk { handle, .. } if handle.is_reserved());
    // SAFETY: a place for the answer.
    unsafe { *answer = c_int::from(is_reserved) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _operation: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES_TOLD
}

/// As SQLite's own file system by default: writing some octets harms none beside them.
unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    octets: c_int,
    make: c_int,
    answer: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let Held::OnDisk { handle, .. } = (unsafe { held(file) }) else { return ffi::SQLITE_IOERR_SHMMAP };
    let Ok(region) = handle.region(number as usize, octets as usize, make != 0) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    // SAFETY: a place for the answer.
    unsafe { *answer = region.cast() };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let Held::OnDisk { handle, .. } = (unsafe { held(file) }) else { return ffi::SQLITE_IOERR_SHMLOCK };
    let (first, count) = (first as usize, count as usize);
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        handle.unlock_region(first, count);
        return ffi::SQLITE_OK;
    }
    let taken = handle.lock_region(first, count, flags & ffi::SQLITE_SHM_EXCLUSIVE != 0);
    lock_code(taken, ffi::SQLITE_IOERR_SHMLOCK)
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _remove: c_int) -> c_int {
    // SAFETY: an open file.
    if let Held::OnDisk { handle, .. } = unsafe { held(file) } {
        handle.unmap();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, durably: c_int) -> c_int {
    // SAFETY: a C string.
    let path = unsafe { text(name) };
    match FaultDisk::of(&path).map(|disk| disk.remove(&path, durably != 0)) {
        Some(Err(Refusal::Missing)) => ffi::SQLITE_IOERR_DELETE_NOENT,
        Some(outcome) => code(outcome, ffi::SQLITE_IOERR_DELETE),
        None => ffi::SQLITE_IOERR_DELETE,
    }
}

/// A file without content is none: a journal of no octets says nothing (so does SQLite's own file system).
unsafe extern "C" fn access(_: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, answer: *mut c_int) -> c_int {
    // SAFETY: a C string.
    let path = unsafe { text(name) };
    let Some(Ok(size)) = FaultDisk::of(&path).map(|disk| disk.size(&path)) else { return ffi::SQLITE_IOERR_ACCESS };
    let is_there = if flags == ffi::SQLITE_ACCESS_EXISTS { size.unwrap_or(0) > 0 } else { size.is_some() };
    // SAFETY: a place for the answer.
    unsafe { *answer = c_int::from(is_there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    into: *mut c_char,
) -> c_int {
    // SAFETY: a C string.
    let path = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if path.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite gives `room` octets, which are enough, apart from the name.
    unsafe { ptr::copy_nonoverlapping(path.as_ptr().cast(), into, path.len()) };
    ffi::SQLITE_OK
}

/// Salts of logs and names of scratch files: they must differ, and need not surprise.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, count: c_int, into: *mut c_char) -> c_int {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let mut chance = fastrand::Rng::with_seed(DRAWN.fetch_add(1, Ordering::Relaxed));
    let mut bytes = vec![0; count as usize];
    chance.fill(&mut bytes);
    // SAFETY: SQLite gives `count` octets.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), into, bytes.len()) };
    count
}

/// Only a ledger on threads waits for another connection's lock; the simulator has one connection.
#[expect(clippy::disallowed_methods, reason = "SQLite's own waiting, on a thread of the ledger")]
unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    std::thread::sleep(Duration::from_micros(u64::from(micros.unsigned_abs())));
    micros
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { *days = NOW_JULIAN_MS as f64 / 86_400_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn current_time_ms(_: *mut ffi::sqlite3_vfs, ms: *mut i64) -> c_int {
    // SAFETY: a place for the answer.
    unsafe { *ms = NOW_JULIAN_MS };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}
