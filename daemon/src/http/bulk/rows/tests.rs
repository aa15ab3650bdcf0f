#![allow(clippy::unwrap_used)]
use axum::response::Response;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::http::bulk::testing::text;

fn names() -> Vec<String> {
    ["Note", "a \"b\", c"].map(str::to_owned).to_vec()
}

fn row(note: &str) -> Vec<String> {
    vec![note.to_owned(), "1".to_owned()]
}

fn reader(rows: Vec<io::Result<Vec<String>>>) -> Reader {
    Box::new(rows.into_iter())
}

fn envelope() -> Box<dyn Form> {
    let members = json!({ "totalResults": 2, "hasMore": false });
    Box::new(Json::new(&names(), members.as_object().unwrap().clone()))
}

fn whole(pieces: Pieces) -> io::Result<String> {
    let pieces: Vec<Bytes> = pieces.collect::<io::Result<_>>()?;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

#[tokio::test]
async fn json_comes_in_its_envelope() {
    let rows = reader(vec![Ok(row("x\u{2028}\"\n")), Ok(row(""))]);
    let told = text(Response::new(body(Pieces::new(rows, 2, envelope())))).await;
    assert_eq!(
        told,
        "{\"totalResults\":2,\"hasMore\":false,\"items\":[{\"Note\":\"x\u{2028}\\\"\\n\",\"a \\\"b\\\", c\":\"1\"},\
         {\"Note\":\"\",\"a \\\"b\\\", c\":\"1\"}]}"
    );
    let none = whole(Pieces::new(reader(vec![]), 0, envelope())).unwrap();
    assert_eq!(none, r#"{"totalResults":2,"hasMore":false,"items":[]}"#);
}

#[test]
fn csv_is_quoted_where_it_must_be_and_cells_stay_as_they_are() {
    let cells = ["a,b", "say \"x\"", "two\r\nlines", " blanks ", "=1+1", "+1", "-1", "@x", "", "ä😀"];
    let rows: Vec<_> = cells.iter().map(|cell| row(cell)).collect();
    let wanted = "Note,\"a \"\"b\"\", c\"\r\n\"a,b\",1\r\n\"say \"\"x\"\"\",1\r\n\"two\r\nlines\",1\r\n blanks ,1\r\n\
                  =1+1,1\r\n+1,1\r\n-1,1\r\n@x,1\r\n,1\r\nä😀,1\r\n";
    assert_eq!(table(&names(), &rows).unwrap(), wanted);
    let count = rows.len() as u64;
    let rows = reader(rows.into_iter().map(Ok).collect());
    assert_eq!(whole(Pieces::new(rows, count, Box::new(Csv::new(&names()).unwrap()))).unwrap(), wanted);
    let one = ["Note".to_owned()];
    assert_eq!(table(&one, &[vec![String::new()]]).unwrap(), "Note\r\n\"\"\r\n", "a row, and no blank line");
}

#[test]
fn no_more_is_read_than_asked_for_and_a_piece_is_small() {
    let endless = || Box::new(std::iter::repeat_with(|| Ok(row(&"x".repeat(1000)))));
    let forms: [Box<dyn Form>; 2] = [envelope(), Box::new(Csv::new(&names()).unwrap())];
    for form in forms {
        let pieces: Vec<Bytes> = Pieces::new(endless(), 1000, form).collect::<io::Result<_>>().unwrap();
        assert!(pieces.len() > 10, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() < 2 * PIECE));
        assert_eq!(String::from_utf8(pieces.concat()).unwrap().matches(&"x".repeat(1000)).count(), 1000);
    }
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_answer_in_the_middle() {
    let broken = || vec![Ok(row("fine")), Err(io::Error::other("the disk is gone"))];
    let mut pieces = Pieces::new(reader(broken()), 2, envelope());
    assert!(pieces.next().unwrap().is_err());
    assert!(pieces.next().is_none());
    let short = Pieces::new(reader(vec![Ok(row("fine"))]), 2, envelope());
    assert_eq!(whole(short).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let body = body(Pieces::new(reader(broken()), 2, envelope()));
    assert!(http_body_util::BodyExt::collect(body).await.is_err());
}

proptest! {
    #[test]
    fn any_cells_come_back(cells in prop::collection::vec((".*", "[\\PC\r\n\",]*"), 0..20)) {
        let rows: Vec<Vec<String>> = cells.into_iter().map(|(a, b)| vec![a, b]).collect();
        let count = rows.len() as u64;
        let all = || reader(rows.clone().into_iter().map(Ok).collect());
        let table = whole(Pieces::new(all(), count, Box::new(Csv::new(&names()).unwrap()))).unwrap();
        let mut read = ::csv::Reader::from_reader(table.as_bytes());
        let back: Vec<Vec<String>> =
            read.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        prop_assert_eq!(&back, &rows);
        let told: Value = serde_json::from_str(&whole(Pieces::new(all(), count, envelope())).unwrap()).unwrap();
        let back: Vec<Vec<String>> = told["items"].as_array().unwrap().iter().map(|item| {
            names().iter().map(|name| item[name].as_str().unwrap().to_owned()).collect()
        }).collect();
        prop_assert_eq!(back, rows);
    }
}
