"""What is in an account: every value follows from a seed, so nothing needs to be stored."""

from __future__ import annotations

import math
import random
from functools import lru_cache
from html import escape
from urllib.parse import quote

from sandbox.messages import Json

_SECONDS_PER_DAY = 86_400
_COVER_LIFETIME = 6 * 3_600  # s
_UTM = "utm_campaign=tt4d_open_api&utm_source=sandboxclientkey"
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


def make_user(rng: random.Random, number: int) -> Json:
    """Account number `number` (from 0): the 14 user fields but for video_count, which follows the videos."""
    opaque = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", k=32))
    username = f"sandbox.person{number}"
    avatar = f"https://p16-amd-va.tiktokcdn.com/obj/musically-maliva-obj/{rng.getrandbits(52):016d}"
    # open_id is opaque: all three forms have been recorded.
    open_id = (f"-000{opaque}", _uuid(rng), f"_000{opaque}")[number % 3]
    return {
        "open_id": open_id,
        "union_id": _uuid(rng),
        "avatar_url": avatar,
        "avatar_url_100": f"{avatar}~c5_100x100.jpeg",
        "avatar_large_url": f"{avatar}~c5_1080x1080.jpeg",
        "display_name": _NAMES[number % len(_NAMES)],
        "bio_description": "" if number % 2 else _BIOS[number // 2 % len(_BIOS)],
        "profile_deep_link": f"https://vm.tiktok.com/{opaque[:9].upper()}/",
        "username": username,
        "is_verified": rng.random() < 0.2,
        "follower_count": int(rng.lognormvariate(8, 2)),
        "following_count": rng.randrange(2_000),
        "likes_count": int(rng.lognormvariate(10, 2)),
    }


def make_video(video_id: int, create_time: int, username: str, now: int) -> Json:
    """All 16 fields of one video; counts are those at `now` (s)."""
    rng = random.Random(video_id)
    chance, photo = rng.random(), rng.random() < _PHOTO_SHARE
    caption = _caption(rng, chance)
    page = f"https://www.tiktok.com/@{username}/video/{video_id}"
    views = _views(rng, now - create_time)
    return {
        "id": str(video_id),
        "create_time": create_time,
        "cover_image_url": _cover(rng, photo, now),
        "share_url": f"{page}?{_UTM}",
        "video_description": caption,
        "duration": 0 if photo else 5 + int(chance * 175),
        "height": 1024 if photo else 400,
        "width": 768 if photo else 300,
        "title": caption,
        "embed_html": _embed_html(page, video_id, username, caption),
        "embed_link": f"https://www.tiktok.com/player/v1/{video_id}?music_info=1&description=1&autoplay=1&loop=1&{_UTM}",
        "like_count": int(views * (0.02 + 0.1 * rng.random())),
        "comment_count": int(views * 0.01 * rng.random()),
        "share_count": int(views * 0.008 * rng.random()),
        "view_count": views,
        "is_aigc": rng.random() < _AIGC_SHARE,
    }


def _uuid(rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _caption(rng: random.Random, chance: float) -> str:
    caption = _CAPTIONS[int(rng.random() * len(_CAPTIONS))]
    if chance < _LONG_CAPTION_SHARE:
        return f"{caption or 'A long story.'} " * (1 + 1_100 // (1 + len(caption or "A long story.")))
    return caption


def _views(rng: random.Random, age: int) -> int:
    """Lifetime views of a post that is `age` s old: most of them come in its first weeks."""
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


def _embed_html(page: str, video_id: int, username: str, caption: str) -> str:
    profile = f"https://www.tiktok.com/@{username}"
    return (
        f'<blockquote class="tiktok-embed" cite="{page}?{_UTM}" data-video-id="{video_id}" '
        f'style="max-width: 605px;min-width: 325px;" > <section> '
        f'<a target="_blank" title="@{username}" href="{profile}">@{username}</a> <p>{_tagged(caption)}</p> '
        f'<a target="_blank" title="♬ original sound - {username}" '
        f'href="https://www.tiktok.com/music/original-sound-{video_id}">♬ original sound - {username}</a> '
        f'</section> </blockquote> <script async src="https://www.tiktok.com/embed.js"></script>'
        # Padding up to the recorded size of 1-2 KB, which is most of what a page weighs.
        f"<!-- {'sandbox ' * 60}-->"
    )


@lru_cache
def _tagged(caption: str) -> str:
    """The caption as HTML, with links for its hashtags."""
    words = [_tag_link(word[1:]) if word.startswith("#") else escape(word) for word in caption[:150].split(" ")]
    return " ".join(words)


def _tag_link(tag: str) -> str:
    return f'<a title="{tag}" target="_blank" href="https://www.tiktok.com/tag/{quote(tag)}">#{tag}</a>'
