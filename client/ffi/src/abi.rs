//! The border to C: bytes in, one answer out, and no panic across it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    ORACLE_INTERNAL, ORACLE_MAX_INPUT, ORACLE_OK, ORACLE_POINTER, ORACLE_REFUSED, ORACLE_REQUEST,
    ORACLE_TOO_LONG, OracleAnswer,
};

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: i32,
    name: &'static str,
    message: String,
}

impl Failure {
    /// The caller's request is not one.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self {
            code: ORACLE_REQUEST,
            name: "request",
            message: message.into(),
        }
    }

    /// The request is one, and what it is about is not what it should be.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "an error ends here, and `map_err` has no reference to give"
    )]
    pub(crate) fn refused(name: &'static str, message: impl ToString) -> Self {
        Self {
            code: ORACLE_REFUSED,
            name,
            message: message.to_string(),
        }
    }
}

/// What Rust frees: the part that C reads comes first, so its address is this one's.
/// C's copy of length and pointer is not used for freeing.
#[repr(C)]
struct Owned {
    answer: OracleAnswer,
    bytes: Zeroizing<Vec<u8>>,
}

/// Runs `work` and hands its result to C. A panic is an answer too.
fn answer<T: Serialize>(work: impl FnOnce() -> Result<T, Failure>) -> *mut OracleAnswer {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let value = work()?;
        serde_json::to_vec(&value).map_err(|error| Failure {
            code: ORACLE_INTERNAL,
            name: "internal",
            message: error.to_string(),
        })
    }));
    let panicked = |_| {
        Err(Failure {
            code: ORACLE_INTERNAL,
            name: "internal",
            message: "a fault of this library; please report the call without its secrets"
                .to_owned(),
        })
    };
    match result.unwrap_or_else(panicked) {
        Ok(bytes) => give(ORACLE_OK, bytes),
        Err(Failure {
            code,
            name,
            message,
        }) => {
            let error: Value = json!({ "error": name, "message": message });
            give(code, error.to_string().into_bytes())
        }
    }
}

/// What C passed: what an error calls it, where it is, how many bytes it has.
pub(crate) type Passed = (&'static str, *const u8, usize);

/// Runs `work` on what C passed, as [`answer()`] does.
///
/// # Safety
/// Of each pointer with its length holds what [`bytes`] demands, until this returns.
pub(crate) unsafe fn answer_of<const N: usize, T: Serialize>(
    passed: [Passed; N],
    work: impl FnOnce([&[u8]; N]) -> Result<T, Failure>,
) -> *mut OracleAnswer {
    answer(|| {
        let mut read: [&[u8]; N] = [&[]; N];
        for (to, (name, data, len)) in read.iter_mut().zip(passed) {
            // SAFETY: as the caller promises.
            *to = unsafe { bytes(name, data, len) }?;
        }
        work(read)
    })
}

fn give(code: i32, bytes: Vec<u8>) -> *mut OracleAnswer {
    let mut owned = Box::new(Owned {
        answer: OracleAnswer {
            code,
            data: std::ptr::null(),
            len: bytes.len(),
        },
        bytes: Zeroizing::new(bytes),
    });
    owned.bytes.push(0); // C's printf may take it as a string; `len` does not count it
    owned.answer.data = owned.bytes.as_ptr();
    Box::into_raw(owned).cast()
}

/// Wipes and frees an answer.
///
/// # Safety
/// `answer` is null, or came from [`answer()`] and was not freed.
pub(crate) unsafe fn free(answer: *mut OracleAnswer) {
    if answer.is_null() {
        return;
    }
    // SAFETY: the caller says that it is one of `give`'s boxes, of which it is the first
    // member, and that nobody has freed it.
    drop(unsafe { Box::from_raw(answer.cast::<Owned>()) });
}

/// The bytes that C passed; `name` is what an error calls them. Null is allowed for no
/// bytes at all.
///
/// # Safety
/// If `data` is not null, `len` bytes from it on can be read and nobody writes them while
/// `'a` lasts.
unsafe fn bytes<'a>(name: &'static str, data: *const u8, len: usize) -> Result<&'a [u8], Failure> {
    if len > ORACLE_MAX_INPUT {
        return Err(Failure {
            code: ORACLE_TOO_LONG,
            name: "too-long",
            message: format!("{name}: {len} bytes; at most {ORACLE_MAX_INPUT} are read"),
        });
    }
    if data.is_null() {
        if len == 0 {
            return Ok(&[]);
        }
        return Err(Failure {
            code: ORACLE_POINTER,
            name: "pointer",
            message: format!("{name}: a null pointer with a length of {len}"),
        });
    }
    // SAFETY: not null, bytes have no alignment, at most `ORACLE_MAX_INPUT` of them, and the
    // caller says that they can be read.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

/// The bytes as text.
pub(crate) fn text<'a>(name: &'static str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| Failure::request(format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code and text of an answer, which is freed.
    fn read(answer: *mut OracleAnswer) -> (i32, String) {
        // SAFETY: fresh from `answer`.
        let (code, text) = unsafe {
            let seen = &*answer;
            let bytes = slice::from_raw_parts(seen.data, seen.len);
            assert_eq!(*seen.data.add(seen.len), 0);
            (seen.code, String::from_utf8(bytes.to_vec()).unwrap())
        };
        // SAFETY: freed once.
        unsafe { free(answer) };
        (code, text)
    }

    #[test]
    fn a_panic_ends_at_the_border() {
        let (code, text) = read(answer(|| -> Result<(), Failure> {
            panic!("secret 0123");
        }));
        assert_eq!(code, ORACLE_INTERNAL);
        assert!(!text.contains("0123"), "{text}");
    }

    #[test]
    fn null_is_no_bytes_and_nothing_else() {
        // SAFETY: null is never read.
        let of = |len| unsafe { bytes("bundle", std::ptr::null(), len) };
        assert_eq!(of(0), Ok(&[][..]));
        assert_eq!(of(1).unwrap_err().code, ORACLE_POINTER);
        assert_eq!(of(usize::MAX).unwrap_err().code, ORACLE_TOO_LONG);
        // SAFETY: null may be freed.
        unsafe { free(std::ptr::null_mut()) };
    }

    #[test]
    fn what_c_writes_into_an_answer_does_not_change_what_is_freed() {
        let answer = answer(|| Ok("fine"));
        // SAFETY: it is ours, and freed once.
        unsafe {
            (*answer).len = usize::MAX;
            (*answer).data = std::ptr::null();
            free(answer);
        }
    }
}
