/// Messages that can never be orders, each broken in its own way, and why.
pub fn broken_messages() -> Vec<(&'static str, Vec<u8>)> {
    let mut broken: Vec<(&str, Vec<u8>)> = vec![
        ("unreadable", Vec::new()),
        ("unreadable", b" \n ".to_vec()),
        ("unreadable", b"\xff\xfe\x00{".to_vec()),
        ("unreadable", vec![0; 64]),
        ("unreadable", b"{\"user_id\":\"\xc3\x28\"}".to_vec()),
        ("unreadable", vec![b'['; 5_000]),
        ("invalid", [b"{\"a\":".repeat(500), b"1".to_vec(), b"}".repeat(500)].concat()),
        ("unreadable", vec![b'x'; 1_000_000]),
    ];
    let words = [
        "{",
        "}",
        "[]",
        "[1]",
        "null",
        "true",
        "1",
        "\"text\"",
        "{]",
        "{\"a\"}",
        "{'a':1}",
        "{\"a\":NaN}",
        "a=1&b=2",
        "<order/>",
        "user_id: 3",
        "{\"a\":1}}",
        "{\"a\":01}",
        "{\"a\":\"\\x\"}",
        "{\"a\":1,}",
        "GET / HTTP/1.1",
    ];
    broken.extend(words.map(|word| ("unreadable", word.as_bytes().to_vec())));
    let fields = [("user_id", "\"3\""), ("number_of_items", "1"), ("total_amount", "\"1.00\"")];
    let values = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\" \"",
        "\"\\u0000\"",
        "-1",
        "1e-3",
        "1E999999999",
        "1.234",
        "\"1.2.3\"",
        "\"NaN\"",
        "\"0x10\"",
        "99999999999999999999999999",
        "\"Infinity\"",
        "\"१\"",
    ];
    let body = |at: usize, value: Option<&str>| {
        let field = |(index, (name, good)): (usize, &(&str, &str))| match (index == at, value) {
            (true, None) => None,
            (true, Some(value)) => Some(format!("\"{name}\":{value}")),
            (false, _) => Some(format!("\"{name}\":{good}")),
        };
        let fields: Vec<_> = fields.iter().enumerate().filter_map(field).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    };
    for at in 0..fields.len() {
        broken.push(("invalid", body(at, None)));
        // Almost anything is the name of a user.
        let values = if at == 0 { &values[..7] } else { &values[..] };
        broken.extend(values.iter().map(|value| ("invalid", body(at, Some(value)))));
    }
    let more = [
        ("order_id", "7"),
        ("order_id", "\"\""),
        ("order_id", "\"abc\""),
        ("order_id", "{}"),
        ("createdAt", "\"yesterday\""),
        ("createdAt", "1700000000"),
        ("createdAt", "[]"),
    ];
    broken.extend(more.map(|(name, value)| {
        let good = r#""user_id":"3","number_of_items":"1","total_amount":"1""#;
        ("invalid", format!("{{{good},\"{name}\":{value}}}").into_bytes())
    }));
    let long = format!(r#"{{"user_id":"{}","number_of_items":1,"total_amount":1}}"#, "x".repeat(65));
    broken.push(("invalid", long.into_bytes()));
    broken
}
