//! What the derives refuse, and how they say it; what they accept must compile and mean what it says.

use throng_engine::record::{ColumnKind, Columns as _};
use throng_engine::{Answer, AnswerValue, Choice, Columns, Decimal, Part, Rejection, Shape};

#[test]
fn derives_refuse_with_messages_that_help() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// Whether to go.
#[derive(Answer, Columns, Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// Stay at home this week.
    StayHome,
    /// Go out.
    Go,
}

/// A decision with its reason.
#[derive(Answer, Clone, Debug, PartialEq)]
struct Decision {
    /// Why, in a sentence.
    #[answer(chars_max = 12)]
    reason: String,
    /// What to do.
    plan: Plan,
    /// How sure, from 0 to 1.
    #[answer(min = 0, max = 1, decimals = 2)]
    sure: f64,
}

fn decision(reason: &str, plan: &str, sure: f64) -> AnswerValue {
    let text = |text: &str| AnswerValue::Text(text.to_owned());
    AnswerValue::Object(vec![
        ("reason".to_owned(), text(reason)),
        ("plan".to_owned(), text(plan)),
        ("sure".to_owned(), AnswerValue::Number(sure)),
    ])
}

#[test]
fn an_answer_of_parts_has_their_shapes() {
    let plan = Shape::Choice(vec![
        Choice { label: "stay_home", description: "Stay at home this week." },
        Choice { label: "go", description: "Go out." },
    ]);
    let part = |name, description, shape| Part { name, description, shape };
    let expected = Shape::Object(vec![
        part("reason", "Why, in a sentence.", Shape::Text { chars_max: 12 }),
        part("plan", "What to do.", plan),
        part("sure", "How sure, from 0 to 1.", Shape::Number { min: 0.0, max: 1.0, decimals: 2 }),
    ]);
    assert_eq!(Decision::shape(), expected);
}

#[test]
fn an_answer_of_parts_is_read_and_checked() {
    let read = |value: &AnswerValue| Decision::from_value(value, &Decision::shape());
    let good = read(&decision("rain", " Stay_Home ", 0.756)).unwrap();
    assert_eq!(good, Decision { reason: "rain".to_owned(), plan: Plan::StayHome, sure: 0.76 });
    let reason = |value| read(&value).unwrap_err().to_string();
    assert!(reason(decision("far too long a reason", "go", 1.0)).contains("at most 12 characters"));
    assert!(reason(decision("rain", "fly", 1.0)).contains("stay_home, go"));
    assert!(reason(decision("rain", "go", 1.5)).contains("between 0 and 1"));
    let missing = read(&AnswerValue::Object(Vec::new())).unwrap_err();
    assert_eq!(missing, Rejection::Missing("reason"));
}

/// What a room is like.
#[derive(Columns)]
#[expect(dead_code, reason = "only its columns are looked at")]
struct Room {
    /// Degrees Celsius.
    #[column(name = "warmth_c")]
    warmth: f32,
    /// Guests by table.
    guests: [i32; 2],
    /// The price of a night, where known.
    price: Option<Decimal>,
    #[column(skip)]
    notes: Vec<String>,
    /// What the guests do.
    plan: Plan,
}

#[test]
fn columns_follow_the_fields() {
    let columns: Vec<_> =
        Room::columns().into_iter().map(|spec| (spec.name, spec.kind, spec.nullable)).collect();
    let expected = [
        ("warmth_c", ColumnKind::F32, false),
        ("guests_00", ColumnKind::I32, false),
        ("guests_01", ColumnKind::I32, false),
        ("price", ColumnKind::F64, true),
        ("plan", ColumnKind::Category(&["stay_home", "go"]), false),
    ];
    assert_eq!(columns, expected.map(|(name, kind, nullable)| (name.to_owned(), kind, nullable)));
}
