use crate::evidence::Launch;
use crate::scenario::Step;
use crate::scenario::bulk::Bulk;
use crate::testing::{
    assert_verdict, cases, read_back_facts, record_of, scene_verdict, with_catalog, with_facts,
    write,
};

/// Records of the stream `a`, sent in a generation, and the rows that were read back.
fn sync(generation: Option<i64>, sent: &[&str], landed: &[&str]) -> Launch {
    let catalog = serde_json::json!({"streams": [{
        "stream": {"name": "a", "json_schema": {}},
        "destination_sync_mode": "append",
        "generation_id": generation,
    }]});
    let sent = sent.iter().map(|line| format!("< {line}\n"));
    let landed = landed.iter().map(|row| format!("| a {row}\n"));
    let script: String = sent.chain(landed).collect();
    with_catalog(&catalog, write(&script))
}

/// A RECORD that was emitted at this moment.
fn emitted(id: u32, at: i64) -> String {
    record_of("a", &format!(r#"{{"id":{id}}}"#))
        .replace(r#""emitted_at":1,"#, &format!(r#""emitted_at":{at},"#))
}

/// A landed row with all its metadata.
fn row(id: u32, raw_id: &str, at: &str) -> String {
    format!(
        r#"{{"id":{id},"_airbyte_raw_id":"{raw_id}","_airbyte_extracted_at":{at},"_airbyte_generation_id":7,"_airbyte_meta":{{"sync_id":1,"changes":[]}}}}"#
    )
}

#[test]
fn the_rows_of_a_recipe_have_their_metadata_and_so_have_those_beside_them() {
    let launch = |beside: &str, of_recipe: &str| {
        let mut launch = sync(Some(7), &[&emitted(1, 5)], &[beside, of_recipe]);
        let stream = launch.streams.streams[0].descriptor();
        launch.steps.push(Step::Bulk(Bulk {
            before: 0,
            stream,
            records: 1,
            state_every: 0,
            first_state_id: None,
            line: 219,
            state_line: 0,
            skip: 0,
        }));
        launch
    };
    let of_recipe = |raw_id: &str, at: &str| row(1_000_000_000, raw_id, at);
    let (beside, good) = (row(1, "x", "5"), of_recipe("y", "1767225600000"));
    with_facts(
        "metadata-columns",
        &read_back_facts(&[]),
        [
            ("pass", launch(&beside, &good)),
            (
                "fail: _airbyte_extracted_at is 6, and the record was emitted at 5",
                launch(&row(1, "x", "6"), &good),
            ),
            (
                "fail: _airbyte_extracted_at is 6, and the record was emitted at 1767225600000",
                launch(&beside, &of_recipe("y", "6")),
            ),
            (
                "fail: two rows have one _airbyte_raw_id (x)",
                launch(&beside, &of_recipe("x", "1767225600000")),
            ),
            (
                "fail: _airbyte_generation_id is 8, and was 7",
                launch(&beside, &good.replace(":7,", ":8,")),
            ),
            ("fail: a row has no _airbyte_raw_id", launch(&beside, r#"{"id":1000000000}"#)),
            // It is known by its value, and its moment is a midnight.
            ("pass", launch(&beside, &of_recipe("y", r#""2026-01-01T00:00Z""#))),
            ("pass", launch(&beside, &good.replace("000000,", "000000.000,"))),
            (
                "fail: and the record was emitted at 1767225600000",
                launch(&beside, &of_recipe("y", "6").replace("000000,", "000000.0,")),
            ),
            ("pass", launch(&beside, &row(1, "x", "0").replace(":1,", ":1000000000.5,"))),
            // Nothing was sent of it.
            ("pass", launch(&beside, &row(1_000_000_001, "x", "0"))),
        ],
    );
}

#[test]
fn each_row_has_its_metadata() {
    const AT: i64 = 1_704_067_200_123;
    let id = "metadata-columns";
    let one = emitted(1, AT);
    let good = row(1, "x", "1704067200123");
    let one_of = |landed: &str| sync(Some(7), &[&one], &[landed]);
    let without = |part: &str| one_of(&good.replace(part, ""));
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", one_of(&good)),
            ("pass", one_of(&row(1, "x", "1704067200123.0"))),
            ("pass", one_of(&row(1, "x", r#""2024-01-01T00:00:00.123Z""#))),
            ("pass", one_of(&row(1, "x", r#""2024-01-01T01:00:00.123456+01:00""#))),
            ("pass", one_of(&row(1, "x", r#""2024-01-01 00:00:00.123+00""#))),
            ("pass", one_of(&row(1, "x", r#""2024-01-01T00:00:00.123""#))),
            ("pass", one_of(&good.replace("1704067200123", r#""2024-01-01T00:00:00.123Z""#))),
            ("pass", one_of(&good.replace("7,", "7.0,"))),
            // A column of text may hold it as well.
            (
                "pass",
                one_of(&good.replace(
                    r#"{"sync_id":1,"changes":[]}"#,
                    r#""{\"sync_id\":1,\"changes\":[]}""#,
                )),
            ),
            // A catalog without generations has none to compare with.
            ("pass", sync(None, &[&one], &[&good])),
            ("fail: has no _airbyte_raw_id", without(r#""_airbyte_raw_id":"x","#)),
            ("fail: has no _airbyte_raw_id", one_of(&row(1, "", "1704067200123"))),
            (
                "fail: two rows have one _airbyte_raw_id (x)",
                sync(Some(7), &[&one, &emitted(2, AT)], &[&good, &row(2, "x", "1704067200123")]),
            ),
            (
                "fail: has no _airbyte_extracted_at",
                without(r#""_airbyte_extracted_at":1704067200123,"#),
            ),
            ("fail: has no _airbyte_extracted_at", one_of(&row(1, "x", "null"))),
            (
                "fail: _airbyte_extracted_at is 1704067200, and the record was emitted at",
                one_of(&row(1, "x", "1704067200")),
            ),
            ("fail: was emitted at", one_of(&row(1, "x", r#""2024-01-01T00:00:00Z""#))),
            ("fail: was emitted at", one_of(&row(1, "x", r#""yesterday""#))),
            ("fail: is no object", without(r#","_airbyte_meta":{"sync_id":1,"changes":[]}"#)),
            ("fail: is no object", without(r#","changes":[]"#)),
            ("fail: is no object", one_of(&good.replace(r#"{"sync_id":1,"changes":[]}"#, "null"))),
            ("fail: _airbyte_generation_id is 7, and was 8", sync(Some(8), &[&one], &[&good])),
            (
                "fail: _airbyte_generation_id is null, and was 7",
                without(r#","_airbyte_generation_id":7"#),
            ),
            // One row has none of them, beside one that has.
            (
                "fail: has no _airbyte_raw_id",
                sync(Some(7), &[&one, &emitted(2, AT)], &[&good, r#"{"id":2}"#]),
            ),
            ("inconclusive: does not print _airbyte_raw_id", one_of(r#"{"id":1}"#)),
            ("inconclusive: does not print", one_of(r#"{"id":1,"_airbyte_loaded_at":"x"}"#)),
            // Rows of other records tell nothing of these.
            ("inconclusive: no row of it", one_of(&row(9, "x", "0"))),
            ("inconclusive: no row of it", sync(Some(7), &[&one], &[])),
            ("inconclusive: the sync failed", {
                let mut failed = one_of(&good);
                failed.transcript.end.code = Some(1);
                failed
            }),
        ],
    );
    cases(id, [("not applicable: give --readback", one_of(&good))]);
}

#[test]
fn a_row_has_the_metadata_of_one_of_its_records() {
    let id = "metadata-columns";
    let (first, again) = (emitted(1, 10), emitted(1, 20));
    let verdict = |landed: &[&str]| {
        let rows: Vec<String> = landed.iter().map(ToString::to_string).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let syncs = vec![sync(Some(7), &[&first], &[]), sync(Some(8), &[&again], &rows)];
        scene_verdict(id, syncs, &read_back_facts(&[]))
    };
    let (old, new) = (row(1, "x", "10"), row(1, "y", "20").replace(":7,", ":8,"));
    assert_verdict(id, "pass", &verdict(&[&old, &new]));
    let loaded = row(1, "y", "30").replace(":7,", ":8,");
    assert_verdict(id, "fail: was emitted at 10", &verdict(&[&old, &loaded]));
    let third = new.replace(":8,", ":9,");
    assert_verdict(id, "fail: _airbyte_generation_id is 9", &verdict(&[&old, &third]));
}

#[test]
fn changes_that_came_with_a_record_are_kept() {
    let id = "meta-changes-lost";
    let change = r#"{"field":"cv","change":"NULLED","reason":"SOURCE_FIELD_SIZE_LIMITATION"}"#;
    let own = r#"{"field":"v","change":"NULLED","reason":"DESTINATION_TYPECAST_ERROR"}"#;
    let sent = record_of("a", r#"{"id":1,"cv":null}"#)
        .replace(r#""data""#, &format!(r#""meta":{{"changes":[{change}]}},"data""#));
    let plain = record_of("a", r#"{"id":2}"#);
    let row = |id: u32, changes: &str| {
        format!(r#"{{"id":{id},"_airbyte_meta":{{"changes":[{changes}]}}}}"#)
    };
    let one_of = |landed: &str| sync(None, &[&sent], &[landed]);
    let as_text = format!(
        r#"{{"id":1,"_airbyte_meta":"{{\"changes\":[{}]}}"}}"#,
        change.replace('"', "\\\"")
    );
    with_facts(
        id,
        &read_back_facts(&[]),
        [
            ("pass", one_of(&row(1, change))),
            ("pass", one_of(&as_text)),
            ("pass", one_of(&row(1, &format!("{own},{change}")))),
            // What the destination adds to a change takes nothing from it.
            ("pass", one_of(&row(1, &change.replace("\"cv\"", "\"cv\",\"at\":1")))),
            ("pass", sync(None, &[&sent, &plain], &[&row(1, change), &row(2, "")])),
            ("fail: which is not kept", one_of(&row(1, ""))),
            ("fail: which is not kept", one_of(&row(1, own))),
            ("fail: which is not kept", one_of(&row(1, &change.replace("NULLED", "TRUNCATED")))),
            ("fail: which is not kept", one_of(&row(1, &change.replace("SOURCE", "PLATFORM")))),
            ("fail: not kept", one_of(r#"{"id":1,"_airbyte_meta":null}"#)),
            // The other row shows that the column is printed.
            ("fail: not kept", sync(None, &[&sent, &plain], &[r#"{"id":1}"#, &row(2, "")])),
            ("inconclusive: does not print _airbyte_meta", one_of(r#"{"id":1}"#)),
            (
                "inconclusive: does not print _airbyte_meta",
                one_of(r#"{"id":1,"_airbyte_raw_id":"x"}"#),
            ),
            ("inconclusive: came with changes has landed", sync(None, &[&plain], &[&row(2, "")])),
            (
                "inconclusive: came with changes has landed",
                sync(None, &[&sent, &plain], &[&row(2, "")]),
            ),
            ("inconclusive: no row of it", one_of("{\"id\":9}")),
            ("inconclusive: the sync failed", {
                let mut failed = one_of(&row(1, ""));
                failed.transcript.end.code = Some(1);
                failed
            }),
        ],
    );
    cases(id, [("not applicable", one_of(&row(1, "")))]);
}
