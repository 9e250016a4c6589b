//! Questions to name servers of the test's own.

use std::thread;

use super::*;

/// A server that answers one question with what `answer` makes of it.
fn server(answer: impl FnOnce(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 600];
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        for message in answer(&bytes[..length]) {
            socket.send_to(&message, from).unwrap();
        }
    });
    address
}

/// The question as an answer, with this code and these records.
fn reply(question: &[u8], code: u8, records: &[&[u8]]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] = 0x81;
    message[3] = code;
    message[7] = u8::try_from(records.len()).unwrap();
    message.extend(records.concat());
    message
}

const A: &[u8] = &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7];
const ALIAS: &[u8] = &[1, b'x', 0, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12];

#[test]
fn addresses_are_found_behind_an_alias() {
    let server = server(|question| {
        assert_eq!(&question[12..], b"\x06mirror\x07example\0\0\x01\0\x01");
        vec![reply(question, 0, &[ALIAS, A])]
    });
    let answer = ask(server, "mirror.example.", Kind::A).unwrap();
    assert_eq!(answer, Answer { said: Said::Answer, addresses: vec!["192.0.2.7".parse().unwrap()] });
}

#[test]
fn each_code_has_its_word() {
    for (code, said) in [(0, Said::Empty), (2, Said::Failed), (3, Said::NoSuchName), (5, Said::Refused)] {
        let server = server(move |question| vec![reply(question, code, &[])]);
        assert_eq!(ask(server, ".", Kind::Ns).unwrap().said, said);
    }
}

#[test]
fn an_answer_to_another_question_is_passed_over() {
    let server = server(|question| {
        let mut other = reply(question, 3, &[]);
        other[0] ^= 1;
        vec![b"x".to_vec(), other, reply(question, 0, &[A])]
    });
    assert_eq!(ask(server, ".", Kind::Ns).unwrap().said, Said::Answer);
}

#[test]
fn a_port_where_nobody_listens_is_silent() {
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    assert_eq!(ask(closed, ".", Kind::Ns).unwrap().said, Said::Silent);
}

#[test]
fn what_is_no_name_is_not_asked() {
    for bad in ["a..b", &"x".repeat(64), &"abcdefg.".repeat(40)] {
        assert_eq!(question(1, bad, Kind::A), None, "{bad}");
    }
}

#[test]
fn hosts_and_servers_are_read_from_their_files() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("etc/hosts", "# 10.0.0.9 mirror\n10.0.0.1 other # mirror\n10.0.0.2 m.example Mirror\n::1 mirror\n");
    put(
        "etc/resolv.conf",
        "# nameserver 10.0.0.9\nnameserver 10.0.0.3\nnameserver fe80::1%eth7\nnameserver fe80::1%no\nnameserver x\n",
    );
    put("sys/class/net/eth7/ifindex", "7\n");
    let host = Host::at(root.path());
    let found: Vec<String> = resolve(&host, "mirror").iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.2", "::1"]);
    assert_eq!(resolve(&host, "[2001:db8::1]"), ["2001:db8::1".parse::<IpAddr>().unwrap()]);
    let servers: Vec<String> = servers(&host).iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["10.0.0.3:53", "[fe80::1%7]:53"]);
}

#[test]
fn any_datagram_is_read() {
    bolero::check!().with_type::<(Vec<u8>, u8)>().for_each(|(bytes, cut)| {
        let question = question(7, "a.example", Kind::A).unwrap();
        let _ = read(bytes, &question);
        let mut answer = reply(&question, 0, &[ALIAS, A]);
        answer.extend(bytes);
        answer.truncate(usize::from(cut % 60));
        let _ = read(&answer, &question);
    });
}
