"""A small terminal: what a person would see of what a program writes.

It understands what the lessons need: text, the cursor, erasing, the window's title, the
clipboard (OSC 52) and the question where the cursor is, which it answers as terminals do. It
knows nothing of processes; `stage.py` feeds it.
"""

import re
import unicodedata

# A sequence that has begun and whose end has not arrived yet is kept for the next time.
SEQUENCE = re.compile(
    r"\x1b\[(?P<words>[0-9;?]*)(?P<end>[@-~])"          # CSI: cursor, erasing, modes, questions
    r"|\x1b\](?P<order>[^\x07\x1b]*)(?:\x07|\x1b\\)"    # OSC: title, clipboard
    r"|\x1b(?P<short>[78=>])"
)


class Screen:
    """Rows of characters, and what else a terminal can be told."""

    def __init__(self, columns=72, rows=200, answer=None):
        self.columns, self.height = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.title = self.clipboard = None
        self.answers = 0
        self.answer = answer
        self.rest = ""

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.put(text[at])
                at += 1
                continue
            found = SEQUENCE.match(text, at)
            if found is None:
                # Not there yet, or nothing that this terminal knows: then it is skipped.
                if len(text) - at < 200:
                    self.rest = text[at:]
                    return
                at += 1
                continue
            self.obey(found)
            at = found.end()

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character in "\n\v":
            self.down()
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character >= " " and character != "\x7f":
            width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
            if self.column + width > self.columns:
                self.column = 0
                self.down()
            self.cells[self.row][self.column] = character
            if width == 2:
                self.cells[self.row][self.column + 1] = ""
            self.column += width

    def down(self):
        self.row += 1
        if self.row == self.height:
            self.row -= 1
            self.cells = self.cells[1:] + [[" "] * self.columns]

    def obey(self, found):
        if found["order"] is not None:
            kind, _, value = found["order"].partition(";")
            if kind in ("0", "2"):
                self.title = value
            elif kind == "52":
                self.clipboard = value.partition(";")[2]
        elif found["short"] == "7":
            self.saved = (self.row, self.column)
        elif found["short"] == "8":
            self.row, self.column = self.saved
        elif found["end"] is not None:
            self.move(found["words"], found["end"])

    def move(self, words, end):
        numbers = [int(word) for word in words.split(";") if word.isdigit()]
        count = numbers[0] if numbers else 0
        if end == "A":
            self.row = max(0, self.row - max(1, count))
        elif end == "B":
            self.row = min(self.height - 1, self.row + max(1, count))
        elif end == "C":
            self.column = min(self.columns - 1, self.column + max(1, count))
        elif end == "D":
            self.column = max(0, self.column - max(1, count))
        elif end == "G":
            self.column = max(1, count) - 1
        elif end == "H":
            self.row = max(1, count) - 1
            self.column = max(1, numbers[1] if len(numbers) > 1 else 1) - 1
        elif end == "K":
            begin = 0 if count else self.column
            behind = self.column if count == 1 else self.columns
            self.cells[self.row][begin:behind] = [" "] * (behind - begin)
        elif end == "L":
            for _ in range(max(1, count)):
                self.cells.insert(self.row, [" "] * self.columns)
            del self.cells[self.height:]
        elif end == "J":
            first = 0 if count else self.row + 1
            for row in range(first, self.height):
                self.cells[row] = [" "] * self.columns
        elif end == "n" and count == 6:
            self.answers += 1
            if self.answer is not None:
                self.answer(f"\x1b[{self.row + 1};{self.column + 1}R")

    def lines(self):
        """What stands on the screen, down to the last row that is not empty."""
        lines = ["".join(cells).rstrip() for cells in self.cells]
        while lines and not lines[-1]:
            lines.pop()
        return lines
