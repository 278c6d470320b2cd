//! A service that answers more than ours do.

use super::*;

/// A service that answers with this head, and then with this piece again and again, until nobody listens. How many bytes it
/// could send comes out of the channel.
async fn endless(head: &'static str, piece: Vec<u8>) -> (Service, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, sent) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = 0;
        while connection.write_all(&piece).await.is_ok() {
            bytes += piece.len();
        }
        told.send(bytes).unwrap();
    });
    (service(port, 20_000), sent)
}

#[tokio::test]
async fn a_service_that_answers_without_end_is_given_up() {
    let piece = [b"100000\r\n".as_slice(), &vec![b' '; 1024 * 1024], b"\r\n"].concat();
    let (service, sent) =
        endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", piece.clone()).await;
    let client = InventoryClient::new(service);
    let read = client.get(movie_id(7)).await;
    assert!(matches!(read, Err(PortError::Failed { .. })), "{read:?}");
    drop(client);
    let sent = sent.await.unwrap();
    assert!(sent < 128 * 1024 * 1024, "{sent}");

    // One that says so is not listened to, and is no reason to ask again.
    let (service, sent) = endless("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", piece).await;
    let client = InventoryClient::new(service);
    let read = client.get(movie_id(7)).await;
    assert!(matches!(read, Err(PortError::Failed { .. })), "{read:?}");
    drop(client);
    let sent = sent.await.unwrap();
    assert!(sent < 16 * 1024 * 1024, "{sent}");
}

/// What was read is counted no longer: as many long answers come as anybody asks for.
#[tokio::test]
async fn long_answers_of_ours_are_read() {
    let movies: Vec<String> = (1..=100)
        .map(|id| {
            MOVIE.replace(":7", &format!(":{id}")).replace("\"\"", &format!("\"{}\"", "🎬".repeat(10_000)))
        })
        .collect();
    let list = format!("[{}]", movies.join(","));
    let (service, _seen) = broken(vec![answer("200 OK", &list); 30]).await;
    let client = InventoryClient::new(service);
    for _ in 0..30 {
        let page = client.list(MovieQuery::default(), Page::default()).await.unwrap();
        assert_eq!((page.items.len(), page.more), (100, false));
    }
}
