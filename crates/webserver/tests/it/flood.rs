//! More clients than connections: eviction, limits and deadlines.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use webserver::Limits;

use crate::raw::{Client, get, limits, start};

const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const LAST: &str = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn room_for(connections: usize) -> Limits {
    Limits {
        connections,
        ..limits()
    }
}

#[test]
fn longest_waiting_connection_is_evicted() {
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
fn flood_evicts_only_its_own_connections() {
    let server = start(room_for(4));
    let mut quiet = Client::connect_from(NEIGHBOUR, &server);
    quiet.send(&get("/hello", ""));
    assert_eq!(quiet.answer().status, 200);
    // All half-open, all newer than the quiet one, and each takes the last one's place.
    let clients: Vec<Client> = (0..200)
        .map(|_| {
            let mut client = Client::connect(&server);
            client.send("GET / HT");
            client
        })
        .collect();
    assert_eq!(
        Client::ask(&server, LAST).status,
        200,
        "one more of the flood"
    );
    quiet.send(LAST);
    assert_eq!(
        quiet.answer().status,
        200,
        "the neighbour's connection is open still"
    );
    drop(clients);
}

#[test]
fn unsent_response_bytes_are_capped() {
    for (unsent_bytes, most) in [(40 << 20, 2), (1 << 20, 1)] {
        let server = start(Limits {
            unsent_bytes,
            ..limits()
        });
        let mut clients: Vec<Client> = (0..20)
            .map(|_| {
                let mut client = Client::connect(&server);
                // 16 MiB: more than the system takes off our hands.
                client.send(&get("/huge", ""));
                client
            })
            .collect();
        for client in &mut clients {
            client.begins();
        }
        let whole = clients
            .iter_mut()
            .map(|client| client.reads_to_the_end() > 16 << 20);
        let whole = whole.filter(|whole| *whole).count();
        assert!((1..=most).contains(&whole), "{whole} of 20 were kept");
        assert_eq!(Client::ask(&server, LAST).status, 200);
    }
}

#[test]
fn unread_response_has_a_deadline() {
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
fn streamed_response_is_never_held_whole() {
    let server = start(Limits {
        deliver: Duration::from_millis(200),
        ..limits()
    });
    let mut client = Client::connect(&server);
    client.send(&get("/pieces?1000", ""));
    client.begins();
    server.waits_for_connections(0);
    let made = crate::raw::PIECES_MADE.load(Ordering::SeqCst);
    assert!((1..900).contains(&made), "{made}: unread");
    assert!(client.reads_to_the_end() < 16 << 20);
}

#[test]
fn stop_finishes_responses_only() {
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
