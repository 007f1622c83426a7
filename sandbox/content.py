"""The contents of an account: a table of fields for users and one for videos.

Every value follows from a seed, so nothing needs to be stored. For a new TikTok field, add a line to a table.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote

from sandbox.messages import Json

BASIC_SCOPE = "user.info.basic"
PROFILE_SCOPE = "user.info.profile"
STATS_SCOPE = "user.info.stats"

_SECONDS_PER_DAY = 86_400
_COVER_LIFETIME = 6 * 3_600  # s
_UTM = "utm_campaign=tt4d_open_api&utm_source=sandboxclientkey"
_PLAYER = "https://www.tiktok.com/player/v1"
_CDN = "https://p16-common-sign.tiktokcdn.com"

_NAMES = ("Ada Sønderby", "Kofi's Kitchen 🍲", "Мария Лис", "たけしの庭", "Lena & Ole", "Nour الصباح")
_BIOS = ("Recipes, walks and a dog. New video every day 🐕", "Ich male, was ich sehe.", "日々のこと")
_CAPTIONS = (
    "Morning run along the river #fyp #running",
    "Nobody told me that sourdough takes three days 😅 #baking #sourdough",
    "",
    "Как сделать полку за час #своимируками #diy",
    "雨の日の散歩 ☔️ #散歩 #梅雨",
    'Part 2: he said "yes" & then this happened <3 #storytime',
    "قهوة الصباح ☕️ #قهوة",
    "POV: line one\nline two\nline three 👨‍👩‍👧‍👦 #family",
    "🔥🔥🔥",
    "How to fold a fitted sheet, at last #household #tips",
    "Ő az új kutyánk, Füles 🐶 #kutya",
)
_LONG_CAPTION_SHARE = 0.02
_PHOTO_SHARE = 0.08
_AIGC_SHARE = 0.05


@dataclass(frozen=True)
class Person:
    """Inputs of the user fields.

    Attributes:
        number: the account's number, from 0.
        opaque: 32 characters for identifiers.
    """

    rng: random.Random
    number: int
    opaque: str
    avatar: str

    @property
    def username(self) -> str:
        """The name after the @."""
        return f"sandbox.person{self.number}"


# Every user field by the scope that it needs, with a function that generates its value. The order matters twice:
# `facts.USER_FIELDS` has the same order, and each draw from `rng` changes the values after it.
USER: dict[str, dict[str, Callable[[Person], Any]]] = {
    BASIC_SCOPE: {
        "open_id": lambda person: _open_id(person),
        "union_id": lambda person: _uuid(person.rng),
        "avatar_url": lambda person: person.avatar,
        "avatar_url_100": lambda person: f"{person.avatar}~c5_100x100.jpeg",
        "avatar_large_url": lambda person: f"{person.avatar}~c5_1080x1080.jpeg",
        "display_name": lambda person: _NAMES[person.number % len(_NAMES)],
    },
    PROFILE_SCOPE: {
        "bio_description": lambda person: "" if person.number % 2 else _BIOS[person.number // 2 % len(_BIOS)],
        "profile_deep_link": lambda person: f"https://vm.tiktok.com/{person.opaque[:9].upper()}/",
        "username": lambda person: person.username,
        "is_verified": lambda person: person.rng.random() < 0.2,
    },
    STATS_SCOPE: {
        "follower_count": lambda person: int(person.rng.lognormvariate(8, 2)),
        "following_count": lambda person: person.rng.randrange(2_000),
        "likes_count": lambda person: int(person.rng.lognormvariate(10, 2)),
        # `Account.user` overrides it.
        "video_count": lambda person: 0,
    },
}


@dataclass(frozen=True)
class Post:
    """Inputs of the video fields.

    Attributes:
        create_time: in epoch s.
        now: the time for which counts are computed, in epoch s.
        chance: a number from 0 to 1 that selects rare cases.
    """

    rng: random.Random
    video_id: int
    create_time: int
    username: str
    now: int
    chance: float
    photo: bool
    caption: str
    views: int

    @property
    def page(self) -> str:
        """The video's public URL."""
        return f"https://www.tiktok.com/@{self.username}/video/{self.video_id}"


# Every video field with a function that generates its value; the order matters as in USER.
VIDEO: dict[str, Callable[[Post], Any]] = {
    "id": lambda post: str(post.video_id),
    "create_time": lambda post: post.create_time,
    "cover_image_url": lambda post: _cover(post.rng, post.photo, post.now),
    "share_url": lambda post: f"{post.page}?{_UTM}",
    "video_description": lambda post: post.caption,
    "duration": lambda post: 0 if post.photo else 5 + int(post.chance * 175),
    "height": lambda post: 1024 if post.photo else 400,
    "width": lambda post: 768 if post.photo else 300,
    "title": lambda post: post.caption,
    "embed_html": lambda post: _embed_html(post),
    "embed_link": lambda post: f"{_PLAYER}/{post.video_id}?music_info=1&description=1&autoplay=1&loop=1&{_UTM}",
    "like_count": lambda post: int(post.views * (0.02 + 0.1 * post.rng.random())),
    "comment_count": lambda post: int(post.views * 0.01 * post.rng.random()),
    "share_count": lambda post: int(post.views * 0.008 * post.rng.random()),
    "view_count": lambda post: post.views,
    "is_aigc": lambda post: post.rng.random() < _AIGC_SHARE,
}


def make_user(rng: random.Random, number: int) -> Json:
    """All user fields of account number `number` (from 0)."""
    opaque = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", k=32))
    avatar = f"https://p16-amd-va.tiktokcdn.com/obj/musically-maliva-obj/{rng.getrandbits(52):016d}"
    person = Person(rng, number, opaque, avatar)
    return {field: make(person) for fields in USER.values() for field, make in fields.items()}


def make_video(video_id: int, create_time: int, username: str, now: int) -> Json:
    """All fields of one video; counts are those at `now` (s)."""
    rng = random.Random(video_id)
    chance, photo = rng.random(), rng.random() < _PHOTO_SHARE
    caption = _caption(rng, chance)
    views = _views(rng, now - create_time)
    post = Post(rng, video_id, create_time, username, now, chance, photo, caption, views)
    return {field: make(post) for field, make in VIDEO.items()}


def _open_id(person: Person) -> str:
    """One of the three recorded forms; an open_id is opaque."""
    uuid = _uuid(person.rng)
    return (f"-000{person.opaque}", uuid, f"_000{person.opaque}")[person.number % 3]


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _caption(rng: random.Random, chance: float) -> str:
    caption = _CAPTIONS[int(rng.random() * len(_CAPTIONS))]
    if chance < _LONG_CAPTION_SHARE:
        return f"{caption or 'A long story.'} " * (1 + 1_100 // (1 + len(caption or "A long story.")))
    return caption


def _views(rng: random.Random, age: int) -> int:
    """Lifetime views of a post that is `age` s old; most views come in the first weeks."""
    reach = 50 + 200_000 * rng.random() ** 6
    days = max(0, age) / _SECONDS_PER_DAY
    return int(reach * (1 - math.exp(-days / 20)) + days * 0.2)


def _cover(rng: random.Random, photo: bool, now: int) -> str:
    kind = "photomode" if photo else "video"
    name = "photomode-image-cover:640:0" if photo else "tiktokx-cropcenter-q:300:400"
    bits = f"{rng.getrandbits(128):032x}"
    return (
        f"{_CDN}/tos-maliva-p-0068/{bits}~tplv-{name}:q70.webp?dr=14782&refresh_token={bits[:8]}"
        f"&x-expires={now + _COVER_LIFETIME}&x-signature={bits[8:30]}%3D&t=bacd0480&ps=933b5bde&shp=d05b14bd"
        f"&shcp=8aecc5ac&idc=my2&biz_tag=tt_{kind}&s=TIKTOK_FOR_DEVELOPER&sc=cover"
    )


def _embed_html(post: Post) -> str:
    profile, username, video_id = f"https://www.tiktok.com/@{post.username}", post.username, post.video_id
    return (
        f'<blockquote class="tiktok-embed" cite="{post.page}?{_UTM}" data-video-id="{video_id}" '
        f'style="max-width: 605px;min-width: 325px;" > <section> '
        f'<a target="_blank" title="@{username}" href="{profile}">@{username}</a> <p>{_tagged(post.caption)}</p> '
        f'<a target="_blank" title="♬ original sound - {username}" '
        f'href="https://www.tiktok.com/music/original-sound-{video_id}">♬ original sound - {username}</a> '
        f'</section> </blockquote> <script async src="https://www.tiktok.com/embed.js"></script>'
        # Padding to the recorded size of 1-2 KB, which is most of a page's size.
        f"<!-- {'sandbox ' * 60}-->"
    )


@lru_cache
def _tagged(caption: str) -> str:
    """The caption as HTML, with links for its hashtags."""
    words = [_tag_link(word[1:]) if word.startswith("#") else escape(word) for word in caption[:150].split(" ")]
    return " ".join(words)


def _tag_link(tag: str) -> str:
    return f'<a title="{tag}" target="_blank" href="https://www.tiktok.com/tag/{quote(tag)}">#{tag}</a>'
