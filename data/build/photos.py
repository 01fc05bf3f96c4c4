"""Build data/photos.npz: photographs of single things, cut out and set on white.

    python data/build/photos.py

reads the stamps of the drawing program Tux Paint where the Debian package tuxpaint-stamps-default
is installed; elsewhere apt-get downloads it (161 MB) into a temporary folder, and dpkg unpacks it.

Every picture was looked at once. What is no photograph is listed in LEFT_OUT with the reason.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from shipping import by_hash, write
from tqdm import tqdm

PACKAGE = "tuxpaint-stamps-default"
VERSION = "2022.06.04-1"
DIGEST = "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34"  # of the .deb
STAMPS = Path("usr/share/tuxpaint/stamps")
SIZE, MARGIN = 96, 2  # pixels
SHARES = (0.50, 0.10, 0.40)  # a large test, because there are only 16 vehicles in all

# kind -> the folders it comes from; a file named below a folder goes to another kind
KINDS = {
    "bird": ["animals/birds"],
    "fish": ["animals/fish"],
    "flower": ["plants/flowers"],
    "fruit": ["food/fruit", "food/nuts"],
    "household": ["household", "household/dishes", "household/dishes/utensils", "hobbies",
                  "medical", "clothes"],
    "insect": ["animals/insects"],
    "instrument": ["hobbies/music/brass", "hobbies/music/percussion", "hobbies/music/string",
                   "hobbies/music/wind"],
    "mammal": ["animals/mammals", "animals/marsupials"],
    "other animal": ["animals/amphibians", "animals/lizards", "animals/shellfish"],
    "other plant": ["plants", "plants/mushrooms", "plants/trees"],
    "sport": ["sports"],
    "tool": ["household/arttools", "household/tools"],
    "vegetable": ["food/vegetables", "food/spices"],
    "vehicle": ["vehicles", "military/vehicles"],
}  # fmt: skip
WHOLE = {"animals/mammals", "vehicles"}  # with all folders in them
MOVED = {"lobster": "other animal", "Brown_slug": "other animal", "Woodlouse": "other animal"}

LEFT_OUT = {
    "drawings": "bee dog dromedary echidna hedgehog tucan pizza highlighter glass tooth 7spoke256 "
    "chineseJunk infantry-stryker button blue_fedora feathered_hat green_fedora propeller_hat "
    "sombrero tophat t_baseballcap t_glove t_jacket t_pants t_poloshirt t_scarf t_shirt t_sock "
    "t_tshirt",
    "toys": "rubberduck walnutBoat",
    "not recognisable: white on white, a few thin lines, or 25 pixels": "albino_peahen shrimp "
    "rugby_goal_posts walnut_shelled",
    "emblems to put on another picture": "sedan_police",
    "recoloured, called an alien tree": "rambutan",
}
# The same thing twice (another pose, another colour): one split.
TOGETHER = [
    "apple_green apple_red",
    "cep cep-1 cep-2",
    "chemparathi flower10",
    "gnu-baby gnu-baby-stand gnu-sitting gnu-stand",
    "heron_greatblue heron_greatblue_flying",
    "pig_golden pig_golden2",
    "scissors_small_closed scissors_small_open",
]

# Names where the package has a sentence for children instead
ENGLISH = {
    "adeenia": "desert rose",
    "appooppanthady": "Indian milkweed",
    "australian_rules_football": "Australian Rules football",
    "bluegroper": "blue groper",
    "bradley": "M-3 Bradley fighting vehicle",
    "broccoli": "broccoli",
    "cep": "red-headed cep",
    "cep-2": "two ceps",
    "dumper": "dumper",
    "holly_leaves": "holly leaves",
    "home_compost_bin": "compost bin",
    "ginger": "ginger root",
    "hoverfly": "hoverfly",
    "lavender": "lavender",
    "lettuce_bolted": "bolted lettuce",
    "lionfish": "lionfish",
    "lobster": "spiny lobster",
    "orange_seville": "Seville orange",
    "peacock": "peacock",
    "sheep_lamb": "lamb",
    "stethoscope": "stethoscope",
    "toilet": "toilet",
    "tomato": "tomato",
    "wheelie_bin": "wheelie bin",
    "ww2_german_gun": "tank destroyer",
}
# Chinese names where the package has none, a sentence, or another word (its lion is an onion)
CHINESE = {
    "747": "客机",
    "adelaide-rosella": "阿德莱德玫瑰鹦鹉",
    "anemone_red": "红色银莲花",
    "anthoorium": "红掌",
    "apple_sierra_beauty": "“山峰美人”苹果",
    "appooppanthady": "印度乳草",
    "australian_rules_football": "澳式足球",
    "bandage_adhesive": "创可贴",
    "bear": "熊",
    "bluegroper": "蓝猪齿鱼",
    "bolsom": "凤仙花",
    "bradley": "布雷德利战车",
    "broccoli": "西兰花",
    "butterflyfish": "蝴蝶鱼",
    "carrot": "胡萝卜",
    "cementmixer": "水泥搅拌机",
    "cep": "红帽牛肝菌",
    "cep-1": "牛肝菌",
    "cep-2": "两朵牛肝菌",
    "chemparathi": "木槿花",
    "chicken_profile": "鸡",
    "chilepepper": "红辣椒",
    "clothespin_old": "老式晾衣夹",
    "clownfish": "小丑鱼",
    "coraltrout": "豹纹鳃棘鲈",
    "corn": "甜玉米",
    "cricketball": "板球",
    "crowned_crane": "冠鹤",
    "cylinder": "煤气罐",
    "cymbal_crash": "吊镲",
    "dolphinfish": "鲯鳅",
    "drum_tomtom_floor": "落地嗵鼓",
    "dumper": "自卸车",
    "eggplant": "茄子",
    "f22_raptor": "F-22猛禽战斗机",
    "ferret": "雪貂",
    "flower1": "花",
    "flower10": "木槿花",
    "flower2": "花",
    "flower3": "花",
    "flower4": "两朵花",
    "flower5": "花",
    "flower6": "花",
    "flower7": "一些花",
    "flower8": "花",
    "football": "美式橄榄球",
    "garbagetruck": "垃圾车",
    "gnu-sitting": "坐着的角马",
    "helmeted_guineafowl": "盔珠鸡",
    "heron_greatblue": "大蓝鹭",
    "heron_greatblue_flying": "大蓝鹭",
    "holly_leaves": "冬青树叶",
    "holm_oak": "圣栎",
    "home_compost_bin": "堆肥桶",
    "hoverfly": "食蚜蝇",
    "iris": "鸢尾花",
    "kettle": "电水壶",
    "lettuce": "生菜",
    "lettuce_bolted": "抽薹的生菜",
    "lion": "狮子",
    "lion-2": "狮子",
    "lionfish": "狮子鱼",
    "lobster": "夏威夷龙虾",
    "magellanic_penguin": "麦哲伦企鹅",
    "marigold": "万寿菊",
    "moonwrasse": "新月锦鱼",
    "nandou": "美洲鸵",
    "orange_seville": "苦橙",
    "peacock": "孔雀",
    "pelican": "鹈鹕",
    "pen_dryerase": "白板笔",
    "pigface": "紫色松叶菊",
    "rabbit-2": "大耳兔",
    "rainbow-lorikeet": "彩虹吸蜜鹦鹉",
    "red-gazania": "红色勋章菊",
    "redlettuce": "红叶生菜",
    "rose": "玫瑰",
    "sea_lion": "海狮",
    "sedan": "轿车",
    "sliced_lime": "一片青柠",
    "spade": "铁锹",
    "sportscar2": "跑车",
    "stethoscope": "听诊器",
    "stripedfish": "条纹鱼",
    "tamarin_emperor": "皇狨猴",
    "toilet": "马桶",
    "tree336": "霹雳果树",
    "truck": "皮卡车",
    "vulture": "秃鹫",
    "wapiti": "马鹿",
    "wheel_tractor": "拖拉机车轮",
    "Woodlouse": "鼠妇",
    "ww2_german_gun": "坦克歼击车",
    "xanthia": "黄夜蛾",
    "yak": "牦牛",
    "yellow-flower": "黄色的花",
    "zebu": "瘤牛",
}


def fetch(folder):
    """Return the folder of the stamps, downloaded and unpacked unless they are installed."""
    if (Path("/") / STAMPS).is_dir():
        return Path("/") / STAMPS
    subprocess.run(["apt-get", "download", f"{PACKAGE}={VERSION}"], cwd=folder, check=True)
    [archive] = Path(folder).glob("*.deb")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != DIGEST:
        raise SystemExit(f"{archive.name} is not the file that was looked at")
    subprocess.run(["dpkg", "-x", archive, folder], check=True)
    return Path(folder) / STAMPS


def choose(stamps):
    """Return {kind: files} of the photographs."""
    out = {name for names in LEFT_OUT.values() for name in names.split()}
    found = {kind: [] for kind in KINDS}
    for kind, folders in KINDS.items():
        for folder in folders:
            files = (stamps / folder).rglob("*.png") if folder in WHOLE else None
            for file in sorted(files or (stamps / folder).glob("*.png")):
                words = str(file.relative_to(stamps))
                if re.search("cartoon|toys|plastic|mirror", words) or file.stem in out:
                    continue
                found[MOVED.get(file.stem, kind)].append(file)
    return found


def picture(file):
    """Return a stamp as uint8 3×96×96: cut to what is not transparent, scaled, on white."""
    image = Image.open(file).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    box = image.getchannel("A").point(lambda alpha: 255 if alpha > 16 else 0).getbbox()
    image = Image.alpha_composite(white, image).convert("RGB").crop(box)
    scale = (SIZE - 2 * MARGIN) / max(image.size)
    size = [max(1, round(scale * side)) for side in image.size]
    image = image.resize(size, Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (SIZE, SIZE), "white")
    frame.paste(image, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return np.asarray(frame).transpose(2, 0, 1)


def names(file):
    """Return the English and the Chinese name of a stamp."""
    lines = file.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    english, articles = re.subn(r"^(An?|The) ", "", lines[0].rstrip(".! "))
    if not articles:
        english = english[0].lower() + english[1:]
    chinese = [line.split("=", 1)[1] for line in lines if line.startswith("zh_CN.utf8=")]
    chinese = [CHINESE[file.stem]] if file.stem in CHINESE else chinese
    chinese = re.sub(r"^一[只个朵支颗棵辆把]", "", chinese[0]).strip("。！ ")
    return ENGLISH.get(file.stem, english), chinese


def split(groups):
    """Return {split: files} of the groups of one kind, which are kept together."""
    cuts = {word: [] for word in ("train", "valid", "test")}
    total = sum(map(len, groups))
    for group in groups:
        # Each group goes where most is missing, so small kinds reach every split.
        short = {
            word: share * total - len(cuts[word]) for word, share in zip(cuts, SHARES, strict=True)
        }
        cuts[max(short, key=short.get)] += group
    return cuts


def main():
    splits = {"train": [], "valid": [], "test": []}
    together = {name: names for names in TOGETHER for name in names.split()}
    with tempfile.TemporaryDirectory() as folder:
        stamps = fetch(folder)
        for label, files in enumerate(choose(stamps).values()):
            groups = {}
            for file in sorted(files, key=lambda file: by_hash(f"{file.parent.name}/{file.stem}")):
                groups.setdefault(together.get(file.stem, file), []).append(file)
            for word, chosen in split(list(groups.values())).items():
                splits[word] += [(file, label) for file in sorted(chosen)]
        arrays = {"class_names": np.array(list(KINDS))}
        for word, chosen in tqdm(splits.items(), desc="pictures"):
            both = [names(file) for file, _ in chosen]
            arrays[f"{word}_inputs"] = np.stack([picture(file) for file, _ in chosen])
            arrays[f"{word}_labels"] = np.array([label for _, label in chosen], dtype=np.uint8)
            arrays[f"{word}_names"] = np.array([english for english, _ in both])
            arrays[f"{word}_names_zh"] = np.array([chinese for _, chinese in both])
    write("photos.npz", arrays, "GPL-2.0-or-later", "python data/build/photos.py")


if __name__ == "__main__":
    main()
