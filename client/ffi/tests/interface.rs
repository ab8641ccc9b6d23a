//! The library as C and Python see it: every vector, misuse, and the header.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The library that was built with this test.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap();
    let name = format!(
        "{}peercoin_oracle{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let found = built.join(&name);
    assert!(found.is_file(), "{} was not built", found.display());
    found
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; this test needs cc and python3"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// `replay.c`, compiled as strictly as a compiler can, against the header and the library.
/// The sanitizer also sees what the library takes and frees, and what it copies: an answer
/// that is not freed, or memory read that nobody gave, ends the program with an error.
fn replay(directory: &Path) -> Command {
    let (library, program) = (library(), directory.join("replay"));
    let flags = [
        "-std=c11",
        "-D_POSIX_C_SOURCE=200809L",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        "-g",
    ];
    run(Command::new("cc")
        .args(flags)
        .arg("-I")
        .arg(format!("{HERE}/include"))
        .arg(format!("{HERE}/tests/replay.c"))
        .arg(&library)
        .arg("-o")
        .arg(&program));
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", library.parent().unwrap());
    command
}

#[test]
fn python_and_c_get_what_the_vectors_say() {
    let directory = tempfile::tempdir().unwrap();
    let calls = directory.path().join("calls");
    let said = run(Command::new("python3")
        .arg("-B") // nothing is written beside the sources
        .arg(format!("{HERE}/tests/vectors.py"))
        .arg(library())
        .arg(format!("{HERE}/../../schema/vectors"))
        .arg(&calls));
    assert!(said.ends_with("calls, and 10000 of garbage\n"), "{said}");
    let made = said.split(' ').next().unwrap();
    let replayed = run(replay(directory.path()).arg(&calls));
    assert_eq!(replayed, format!("{made} calls\n"));
}

/// One space between words, none around brackets and stars.
fn plain(text: &str) -> String {
    let spaced: Vec<_> = text.split_whitespace().collect();
    let mut line = spaced.join(" ");
    for sign in ["(", ")", "*", ","] {
        line = line
            .replace(&format!(" {sign}"), sign)
            .replace(&format!("{sign} "), sign);
    }
    line
}

/// What cbindgen makes of a function.
fn declared(function: &str) -> String {
    let (name, rest) = function.split_once('(').unwrap();
    let (parameters, returned) = rest.split_once(')').unwrap();
    let of = |kind: &str| match kind.trim() {
        "*const u8" => "const uint8_t *",
        "*const c_char" => "const char *",
        "*mut OracleAnswer" => "struct OracleAnswer *",
        "usize" => "size_t ",
        "u32" => "uint32_t ",
        "" => "void ",
        other => panic!("{other}"),
    };
    let returned = of(returned.trim().trim_start_matches("->"));
    let given: Vec<_> = parameters
        .split(',')
        .filter_map(|one| one.split_once(':'))
        .map(|(name, kind)| format!("{}{}", of(kind), name.trim()))
        .collect();
    let given = if given.is_empty() {
        "void".to_owned()
    } else {
        given.join(", ")
    };
    plain(&format!("{returned}{name}({given});"))
}

/// cbindgen is not needed to build or to test: this reads both sides itself.
#[test]
fn the_header_is_of_this_source() {
    let source = std::fs::read_to_string(format!("{HERE}/src/lib.rs")).unwrap();
    let header = std::fs::read_to_string(format!("{HERE}/include/peercoin_oracle.h")).unwrap();
    let one_line = plain(&header);
    let functions: Vec<_> = source
        .split("#[unsafe(no_mangle)]")
        .skip(1)
        .map(|text| {
            text.split_once(" fn ")
                .unwrap()
                .1
                .split_once('{')
                .unwrap()
                .0
        })
        .collect();
    assert_eq!(functions.len(), 17);
    for function in &functions {
        let declared = declared(function);
        assert!(one_line.contains(&declared), "the header lacks: {declared}");
    }
    let ends = |line: &&str| line.ends_with(");") && !line.starts_with(" *");
    let others = header.lines().filter(ends).count();
    assert_eq!(others, functions.len(), "and has no other");
    for line in source.lines() {
        if let Some((name, value)) = line
            .strip_prefix("pub const ")
            .and_then(|rest| rest.trim_end_matches(';').split_once(" = "))
        {
            let name = name.split(':').next().unwrap();
            let value = value.replace('_', "");
            assert!(
                header.contains(&format!("#define {name} {value}\n")),
                "{name}"
            );
        }
        if let Some(sentence) = line
            .strip_prefix("/// ")
            .filter(|text| !text.starts_with('#'))
        {
            assert!(header.contains(sentence), "the header lacks: {sentence}");
        }
    }
}
