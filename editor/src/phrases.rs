//! CodeMirror's own English words and ours for them, as [`crate::Options::phrases`] takes them.

/// Korean. English needs no table: it is what CodeMirror speaks by itself.
pub const KOREAN: [(&str, &str); 23] = [
    ("Find", "찾기"),
    ("Replace", "바꾸기"),
    ("next", "다음"),
    ("previous", "이전"),
    ("all", "모두"),
    ("match case", "대소문자 구분"),
    ("regexp", "정규식"),
    ("by word", "단어 단위"),
    ("replace", "바꾸기"),
    ("replace all", "모두 바꾸기"),
    ("close", "닫기"),
    ("current match", "지금 찾은 곳"),
    ("on line", "줄"),
    ("replaced match on line $", "$번째 줄에서 바꿨어요"),
    ("replaced $ matches", "$곳을 바꿨어요"),
    ("Go to line", "줄로 이동"),
    ("go", "이동"),
    ("Diagnostics", "문제 목록"),
    ("No diagnostics", "문제가 없어요"),
    ("Control character", "제어 문자"),
    ("Selection deleted", "고른 부분을 지웠어요"),
    ("Completions", "자동 완성 후보"),
    (
        "What you pasted is longer than 8 MB. Nothing was changed.",
        "붙여 넣은 글이 8 MB를 넘어요. 아무것도 바꾸지 않았어요.",
    ),
];
