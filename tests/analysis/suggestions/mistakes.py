"""Mistakes that are really made: each a module whose `main()` fails, and what the best suggestion is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`title` is the best suggestion's; `value` what `main()` returns once its edit is made."""

    name: str
    code: str
    title: str
    value: object = None
    mends: bool = True
    """Whether there is an edit that makes the failure go away."""
    sure: bool = False
    needs: str = ""
    """What it takes to be sure which part of the line failed: `marks`, `locals` or `either`; nothing by default."""

    def __str__(self) -> str:
        return self.name


MISTAKES = (
    # Keys and items.
    Mistake(
        "key-literal",
        'def main():\n    user = {"email": "a"}\n    return user["plan"]\n',
        'Use user.get("plan"), which is None without the key',
    ),
    Mistake(
        "key-misspelled",
        'def main():\n    user = {"email": "a", "plan": "free"}\n    return user["emial"]\n',
        "Did you mean the key 'email'?",
        "a",
        needs="locals",
    ),
    Mistake(
        "key-variable",
        "def main():\n    prices, sku = {7: 1}, 8\n    cents = prices[sku]\n    return cents\n",
        "Use prices.get(sku), which is None without the key",
    ),
    Mistake(
        "key-of-two-on-the-line",
        'def main():\n    a, b = {"x": 1}, {"y": 1}\n    return [a["x"], b["x"]]\n',
        'Use b.get("x"), which is None without the key',
        [1, None],
        needs="either",
    ),
    Mistake(
        "key-inside-a-call",
        'def load(a, b):\n    return (a, b)\n\n\ndef main():\n    row = {"a": 1}\n'
        '    return load(\n        row["a"],\n        row["b"],\n    )\n',
        'Use row.get("b"), which is None without the key',
        (1, None),
    ),
    Mistake(
        "key-in-a-comprehension",
        'def main():\n    rows = [{"a": 1}, {}]\n    return [row["a"] for row in rows]\n',
        'Use row.get("a"), which is None without the key',
        [1, None],
    ),
    Mistake(
        "key-in-an-f-string",
        "def main():\n    user = {}\n    return f\"héllo {user['name']}\"\n",
        "Use user.get('name'), which is None without the key",
        "héllo None",
    ),
    Mistake(
        "key-used-at-once",
        'def main():\n    order = {"items": []}\n    return order["customer"]["name"]\n',
        'Check for "customer" in order first, or give .get() a default that fits',
        mends=False,
    ),
    Mistake(
        "key-deleted",
        'def main():\n    cache = {}\n    del cache["token"]\n    return cache\n',
        'Use cache.pop("token", None), which takes a missing key',
        {},
    ),
    Mistake(
        "key-counted",
        'def main():\n    counts = {}\n    counts["a"] += 1\n    return counts\n',
        'Begin with a value: counts.setdefault("a", …), or a defaultdict',
        mends=False,
    ),
    Mistake(
        "key-popped",
        'def main():\n    form = {}\n    plan = form.pop("plan")\n    return plan\n',
        'Use form.pop("plan", None), which takes a missing key',
    ),
    Mistake(
        "item-removed-from-a-set",
        "def main():\n    seen = {1}\n    seen.remove(2)\n    return seen\n",
        "Use seen.discard(2), which takes a missing item",
        {1},
    ),
    Mistake(
        "environment",
        'import os\n\n\ndef main():\n    return os.environ["FLUX_TEST_NO_SUCH"]\n',
        "Set FLUX_TEST_NO_SUCH in the environment of the process, or read it with a default",
        mends=False,
    ),
    Mistake(
        "first-of-nothing",
        "def main():\n    rows = []\n    first = rows[0]\n    return first\n",
        "Say what happens when rows is empty",
    ),
    Mistake(
        "last-of-nothing",
        "def main():\n    rows = ()\n    return rows[-1]\n",
        "Say what happens when rows is empty",
    ),
    Mistake(
        "item-beyond-the-end",
        "def main():\n    parts = ['a', 'b']\n    return parts[2]\n",
        "Check the length of parts before item 2",
        mends=False,
        needs="locals",
    ),
    Mistake(
        "popped-from-nothing",
        "def main():\n    waiting = []\n    job = waiting.pop()\n    return job\n",
        "Look whether waiting is empty before the pop()",
    ),
    Mistake(
        "next-of-nothing",
        "def main():\n    found = next(each for each in [1, 2] if each > 2)\n    return found\n",
        "Give next() a default",
    ),
    Mistake(
        "next-of-an-iterator",
        "def main():\n    rows = iter([])\n    return next(rows)\n",
        "Give next() a default",
    ),
    Mistake(
        "largest-of-nothing",
        "def main():\n    prices = []\n    return max(prices)\n",
        "Give max() a default",
    ),
    Mistake(
        "smallest-of-no-generator",
        "def main():\n    prices = []\n    return min(price for price in prices)\n",
        "Give min() a default",
    ),
    # None.
    Mistake(
        "none-attribute",
        "def main():\n    user = None\n    return user.name\n",
        "Guard against user being None",
    ),
    Mistake(
        "none-attribute-of-an-attribute",
        "class Order:\n    customer = None\n\n\ndef main():\n    order = Order()\n"
        "    name = order.customer.name.upper()\n"
        "    return name\n",
        "Guard against order.customer being None",
    ),
    Mistake(
        "none-among-two",
        "class User:\n    name = 'a'\n\n\ndef main():\n    a, b = User(), None\n    return (a.name, b.name)\n",
        "Guard against b being None",
        ("a", None),
        needs="either",
    ),
    Mistake(
        "none-statement",
        "def main():\n    mailer = None\n    mailer.send('x')  # now\n    return 1\n",
        "Guard against mailer being None",
        1,
    ),
    Mistake(
        "none-assigned-to",
        "def main():\n    user = None\n    user.name = 'a'\n    return 2\n",
        "Guard against user being None",
        2,
    ),
    Mistake(
        "none-item-set",
        "def main():\n    cart = None\n    cart['a'] = 1\n    return 3\n",
        "Guard against cart being None",
        3,
    ),
    Mistake(
        "none-subscript",
        "def main():\n    row = None\n    label = f'id {row[0]}'\n    return label\n",
        "Guard against row being None",
        "id None",
    ),
    Mistake(
        "none-awaited",
        "async def main():\n    session = None\n    return await session.load()\n",
        "Guard against session being None",
    ),
    Mistake(
        "none-from-a-call",
        "def find(id):\n    return None\n\n\ndef main():\n    return find(7).name\n",
        "Say what happens when find(7) gives None",
        mends=False,
    ),
    Mistake(
        "none-iterated",
        "def main():\n    items = None\n    total = 0\n    for item in items:\n"
        "        total += item\n    return total\n",
        "Go on with nothing when items is None",
        0,
    ),
    Mistake(
        "none-in-a-comprehension",
        "def main():\n    items = None\n    return [item for item in items]\n",
        "Go on with nothing when items is None",
        [],
    ),
    Mistake(
        "none-length",
        "def main():\n    items = None\n    return len(items) > 3\n",
        "Count nothing when items is None",
        False,
    ),
    Mistake(
        "none-membership",
        "def main():\n    tags = None\n    return 'a' in tags\n",
        "Look in nothing when tags is None",
        False,
    ),
    Mistake(
        "none-unpacked",
        "def main():\n    pair = None\n    a, b = pair\n    return a\n",
        "Say what happens when pair is None",
        mends=False,
    ),
    Mistake(
        "none-added",
        "def main():\n    price, tax = 3, None\n    return price + tax\n",
        "Say what happens when tax is None",
        mends=False,
    ),
    Mistake(
        "none-compared",
        "def main():\n    limit = None\n    return 3 < limit\n",
        "Say what happens when limit is None",
        mends=False,
    ),
    # Coroutines.
    Mistake(
        "no-await-item",
        "async def load():\n    return {'a': 1}\n\n\nasync def main():\n    return load()['a']\n",
        "Await load()",
        1,
        sure=True,
    ),
    Mistake(
        "no-await-attribute-of-a-variable",
        "class User:\n    name = 'a'\n\n    @classmethod\n    async def get(cls):\n        return cls()\n\n\n"
        "async def main():\n    user = User.get()\n    return user.name\n",
        "Await get()",
        "a",
        sure=True,
    ),
    Mistake(
        "no-await-iterated",
        "async def rows():\n    return [1, 2]\n\n\nasync def main():\n    return [row for row in rows()]\n",
        "Await rows()",
        [1, 2],
        sure=True,
    ),
    Mistake(
        "no-await-json",
        "import json\n\n\nasync def load():\n    return [1]\n\n\nasync def main():\n    found = load()\n"
        "    return len(found)\n",
        "Await load()",
        1,
        sure=True,
    ),
    Mistake(
        "no-await-in-a-plain-function",
        "async def load():\n    return {}\n\n\ndef main():\n    return load()['a']\n",
        "Await load(): make the function async, or run it with asyncio.run()",
        mends=False,
    ),
    # Names.
    Mistake(
        "attribute-misspelled",
        "class User:\n    def __init__(self):\n        self.email = 'a'\n        self.plan = 'free'\n\n\n"
        "def main():\n    user = User()\n    return user.emial\n",
        "Did you mean email?",
        "a",
    ),
    Mistake(
        "method-misspelled",
        "class Cart:\n    def total(self):\n        return 3\n\n    def checkout(self):\n"
        "        return self.totl()\n\n\n"
        "def main():\n    return Cart().checkout()\n",
        "Did you mean total?",
        3,
    ),
    Mistake(
        "habit-of-another-language",
        "def main():\n    rows = []\n    rows.push(1)\n    return rows\n",
        "Did you mean append?",
        [1],
    ),
    Mistake(
        "key-as-attribute",
        "def main():\n    user = {'name': 'a'}\n    return user.name\n",
        'Use user["name"]: it is a dict',
        "a",
        needs="locals",
    ),
    Mistake(
        "name-misspelled",
        "def main():\n    customer = 'a'\n    return custmer.upper()\n",
        "Did you mean customer?",
        "A",
    ),
    Mistake(
        "name-of-the-module-misspelled",
        "LIMIT_CENTS = 5\n\n\ndef main():\n    return [LIMIT_CENT for _ in range(1)]\n",
        "Did you mean LIMIT_CENTS?",
        [5],
    ),
    Mistake(
        "module-not-imported",
        '"""Doc."""\nfrom __future__ import annotations\n\nimport re\n\n\ndef main():\n    re.match("a", "a")\n'
        '    return json.loads("1")\n',
        "Import json",
        1,
        sure=True,
    ),
    Mistake(
        "self-forgotten-on-an-attribute",
        "class Cart:\n    def __init__(self):\n        self.items = [1]\n\n    def total(self):\n"
        "        return sum(items)\n\n\n"
        "def main():\n    return Cart().total()\n",
        "Did you mean self.items?",
        1,
    ),
    Mistake(
        "module-misspelled",
        "def main():\n    import jsn\n    return 1\n",
        "Did you mean json?",
        1,
    ),
    Mistake(
        "module-not-installed",
        "def main():\n    import bs4\n    return 1\n",
        "Install beautifulsoup4 into the environment that runs the application",
        mends=False,
    ),
    # Calls.
    Mistake(
        "method-without-self",
        "class Cart:\n    def total():\n        return 3\n\n\ndef main():\n    return Cart().total()\n",
        "Give total() its self",
        3,
        sure=True,
    ),
    Mistake(
        "method-without-self-with-parameters",
        "class Cart:\n    def add(sku, n=1):\n        return n\n\n\ndef main():\n    return Cart().add('a', 2)\n",
        "Give add() its self",
        2,
        sure=True,
    ),
    Mistake(
        "keyword-misspelled",
        "def send(to, subject=''):\n    return subject\n\n\ndef main():\n    return send('a', subjct='b')\n",
        "Did you mean subject=?",
        "b",
    ),
    Mistake(
        "field-misspelled",
        "from dataclasses import dataclass\n\n\n@dataclass\nclass User:\n    email: str\n    plan: str = 'free'\n\n\n"
        "def main():\n    return User(emial='a').email\n",
        "Did you mean email=?",
        "a",
    ),
    Mistake(
        "argument-left-out",
        "def send(to, subject):\n    return subject\n\n\ndef main():\n    return send('a')\n",
        "Give send() subject",
        mends=False,
    ),
    Mistake(
        "called-on-the-class",
        "class Cart:\n    def total(self):\n        return 3\n\n\ndef main():\n    return Cart.total()\n",
        "Call total() on an object, not on its class",
        mends=False,
    ),
    Mistake(
        "given-twice",
        "def send(to, subject=''):\n    return subject\n\n\ndef main():\n    return send('a', to='b')\n",
        "Give to once: by position or by name",
        mends=False,
    ),
    # Numbers and texts.
    Mistake(
        "divided-by-zero",
        "def main():\n    total, count = 3, 0\n    return total / count\n",
        "Say what the result is when count is 0",
        0,
    ),
    Mistake(
        "divided-by-no-rows",
        "def main():\n    rows = []\n    mean = 1 + sum(rows) / len(rows)\n    return mean\n",
        "Say what the result is when len(rows) is 0",
        1,
    ),
    Mistake(
        "one-of-two-divisions",
        "def main():\n    a, b = 2, 0\n    return 1 / a + 1 / b\n",
        "Say what the result is when b is 0",
        0.5,
        needs="either",
    ),
    Mistake(
        "modulo-zero",
        "def main():\n    n = 0\n    return [i % n for i in range(3)]\n",
        "Say what the result is when n is 0",
        [0, 0, 0],
    ),
    Mistake(
        "int-of-words",
        "def main():\n    age = 'n/a'\n    return int(age)\n",
        "Check age before int(), or handle the ValueError",
        mends=False,
    ),
    Mistake(
        "int-of-nothing",
        "def main():\n    form = {'age': ''}\n    return int(form['age'])\n",
        "Take 0 when form['age'] is empty",
        0,
    ),
    Mistake(
        "float-of-none",
        "def main():\n    price = None\n    return float(price)\n",
        "Take 0 when price is empty",
        0.0,
    ),
    Mistake(
        "text-plus-number",
        "def main():\n    count = 3\n    return 'count: ' + count\n",
        "Use str(count), or an f-string",
        "count: 3",
    ),
    Mistake(
        "number-plus-text",
        "def main():\n    count = 3\n    return count + ' items'\n",
        "Use str(count), or an f-string",
        "3 items",
    ),
    Mistake(
        "text-plus-number-plus-text",
        "def main():\n    name, n = 'é', 7\n    return 'é' + name + n + '!'\n",
        "Use str(n), or an f-string",
        "éé7!",
        needs="either",
    ),
    # Variables.
    Mistake(
        "global-counter",
        "count = 0\n\n\ndef main():\n    count += 1\n    return count\n",
        "Declare it: global count",
        1,
    ),
    Mistake(
        "value-only-in-a-branch",
        "def main():\n    if not 'a':\n        label = 'x'\n    return label\n",
        "Give label a value before the if at line 2",
        mends=False,
    ),
    Mistake(
        "value-only-in-a-loop",
        "def main():\n    for row in []:\n        last = row\n    return last\n",
        "Give last a value before the for at line 2",
        mends=False,
    ),
    Mistake(
        "default-that-calls-share",
        "def pick(name, tried=[]):\n    tried.append(name)\n    assert len(tried) < 2, tried\n    return name\n\n\n"
        "def main():\n    pick('a')\n    return pick('b')\n",
        "Let tried default to None, and make a new one in pick()",
        mends=False,
        needs="locals",
    ),
    # Loops, times.
    Mistake(
        "dict-changed",
        "def main():\n    cache = {'a': 1, 'b': 2}\n    for key in cache:\n        del cache[key]\n    return cache\n",
        "Go over a copy: list(cache)",
        {},
        sure=True,
    ),
    Mistake(
        "dict-items-changed",
        "def main():\n    seen = {1: 2}\n    for key, value in seen.items():\n"
        "        seen[value] = key\n    return len(seen)\n",
        "Go over a copy: list(seen.items())",
        2,
        sure=True,
    ),
    Mistake(
        "set-changed",
        "def main():\n    tags = {'a', 'b'}\n    for tag in tags:\n        tags.discard(tag)\n    return tags\n",
        "Go over a copy: list(tags)",
        set(),
        sure=True,
    ),
    Mistake(
        "naive-now",
        "from datetime import datetime, timezone\n\n\ndef main():\n"
        "    due = datetime(2020, 1, 1, tzinfo=timezone.utc)\n"
        "    return due < datetime.now()\n",
        "Take the time with its zone: datetime.now(timezone.utc)",
        True,
    ),
    Mistake(
        "naive-utcnow-in-a-variable",
        "import datetime as dt\n\n\ndef main():\n    now = dt.datetime.utcnow()\n"
        "    age = now - dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)\n    return age.days > 0\n",
        "Take the time with its zone: datetime.now(dt.timezone.utc)",
        True,
    ),
    # JSON.
    Mistake(
        "json-of-nothing",
        "import json\n\n\ndef main():\n    body = ''\n    return json.loads(body)\n",
        "Say what happens when body is empty",
        needs="locals",
    ),
    Mistake(
        "json-of-a-page",
        "from json import loads\n\n\ndef main():\n    body = '<html>'\n    return loads(body)\n",
        "Look at body before it is read as JSON",
        mends=False,
    ),
)
