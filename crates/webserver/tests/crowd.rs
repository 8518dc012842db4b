//! More clients than there is room for, and who stays.

mod raw;

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use raw::{Client, get, limits, start};
use webserver::Limits;

const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const LAST: &str = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn room_for(connections: usize) -> Limits {
    Limits {
        connections,
        ..limits()
    }
}

#[test]
fn who_has_waited_longest_makes_room_for_who_comes() {
    let server = start(room_for(4));
    let mut waiting: Vec<Client> = (0..4).map(|_| Client::connect(&server)).collect();
    server.waits_for_connections(4);
    assert_eq!(Client::ask(&server, LAST).status, 200);
    waiting.remove(0).ends();
    let mut newest = waiting.remove(2);
    newest.send(LAST);
    assert_eq!(
        newest.answer().status,
        200,
        "the newest has its place still"
    );
}

#[test]
fn whoever_comes_with_many_connections_costs_others_none_of_theirs() {
    let server = start(room_for(4));
    let mut quiet = Client::connect_from(NEIGHBOUR, &server);
    quiet.send(&get("/hello", ""));
    assert_eq!(quiet.answer().status, 200);
    // All half-open, all newer than the quiet one, and each takes the last one's place.
    let crowd: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = Client::connect(&server);
            client.send("GET / HT");
            client
        })
        .collect();
    assert_eq!(
        Client::ask(&server, LAST).status,
        200,
        "one more of the crowd"
    );
    quiet.send(LAST);
    assert_eq!(
        quiet.answer().status,
        200,
        "the neighbour's connection is open still"
    );
    drop(crowd);
}

#[test]
fn of_answers_that_nobody_reads_only_so_many_bytes_are_kept_and_the_newest_always() {
    for (unsent_bytes, most) in [(40 << 20, 2), (1 << 20, 1)] {
        let server = start(Limits {
            unsent_bytes,
            ..limits()
        });
        let mut crowd: Vec<Client> = (0..20)
            .map(|_| {
                let mut client = Client::connect(&server);
                // 16 MiB: more than the system takes off our hands.
                client.send(&get("/huge", ""));
                client
            })
            .collect();
        for client in &mut crowd {
            client.begins();
        }
        let whole = crowd
            .iter_mut()
            .map(|client| client.reads_to_the_end() > 16 << 20);
        let whole = whole.filter(|whole| *whole).count();
        assert!((1..=most).contains(&whole), "{whole} of 20 were kept");
        assert_eq!(Client::ask(&server, LAST).status, 200);
    }
}

#[test]
fn an_answer_that_nobody_reads_has_a_deadline() {
    let server = start(Limits {
        deliver: Duration::from_millis(100),
        ..limits()
    });
    let mut client = Client::connect(&server);
    client.send(&get("/huge", ""));
    client.begins();
    server.waits_for_connections(0);
    assert!(client.reads_to_the_end() < 16 << 20);
}

/// 100 MB, of which the system takes a few.
#[test]
fn a_long_answer_is_sent_in_pieces_and_never_held_whole() {
    let server = start(Limits {
        deliver: Duration::from_millis(200),
        ..limits()
    });
    let mut client = Client::connect(&server);
    client.send(&get("/pieces?1000", ""));
    client.begins();
    server.waits_for_connections(0);
    let made = raw::PIECES_MADE.load(Ordering::SeqCst);
    assert!((1..900).contains(&made), "{made}: nobody took them");
    assert!(client.reads_to_the_end() < 16 << 20);
}

#[test]
fn stopping_finishes_what_was_asked_and_closes_the_rest_at_once() {
    let server = start(limits());
    let mut silent = Client::connect(&server);
    silent.send("GET / HT");
    let mut asking = Client::connect(&server);
    asking.send(&get("/huge", ""));
    asking.begins();
    server.waits_for_connections(2);
    let address = server.server().address();
    let stopping = std::thread::spawn(move || server.stop(Duration::from_secs(60)));
    silent.ends();
    assert!(asking.reads_to_the_end() > 16 << 20);
    stopping.join().expect("stopped");
    assert!(std::net::TcpStream::connect(address).is_err());
}
