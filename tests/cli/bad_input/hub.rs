//! A hub that would have the program write elsewhere. `tests/it/hub/misbehaviour.rs` has the rest
//! of what one may do.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use crate::support::TestDir;

#[test]
fn a_hub_that_names_a_file_of_the_user_is_refused_with_exit_code_2() {
    let place = TestDir::new();
    place.write("victim", "the user's");
    place.write("in.txt", "a cat\n");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let victim = place.path("victim");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let head = format!(
                "HTTP/1.1 200 OK\r\nX-Repo-Commit: {}\r\nETag: \"{}\"\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\n{{}}",
                "0".repeat(40),
                victim.display()
            );
            let _ = stream.write_all(head.as_bytes());
        }
    });
    let mut program = place.program("embed --model org/name --input in.txt --output x.npy");
    program.env("HF_ENDPOINT", format!("http://{address}")).env("HF_TOKEN", "a-token");
    program.env_remove("HF_HUB_OFFLINE").env_remove("TRANSFORMERS_OFFLINE");
    let output = program.env_remove("HF_HUB_CACHE").output().expect("the program");
    let printed = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{printed}");
    assert!(
        printed.contains("config.json of `org/name`") && printed.contains("invalid ETag"),
        "{printed}"
    );
    assert!(printed.lines().count() == 1 && !printed.contains("a-token"), "{printed}");
    assert_eq!(place.read_to_string("victim"), "the user's");
}
