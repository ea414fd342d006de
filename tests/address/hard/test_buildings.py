"""Buildings, units, floors and rooms (kinds 20-26, 47, 49)."""

import pytest
from hard_kinds import FieldCase, MatchCase, check_fields, check_match, named, town_of

from address.index import AddressIndex

FIELDS = [
    FieldCase(20, "保利香槟花园16座1203", {"compound": "保利香槟花园", "building": "16", "room": "1203"}),
    FieldCase(20, "静安枫景苑22#", {"building": "22"}),
    FieldCase(20, "莘松路380弄22号601室", {"road": "莘松路", "lane": "380", "building": "22", "room": "601"}, {"city": "上海市"}),
    FieldCase(20, "世茂滨江7幢", {"compound": "世茂滨江", "building": "7"}),
    FieldCase(20, "万科城9号楼902", {"compound": "万科城", "building": "9", "room": "902"}),
    FieldCase(21, "和谐家园11-3-602", {"compound": "和谐家园", "building": "11", "unit": "3", "room": "602"}),
    FieldCase(21, "和谐家园11/602", {"compound": "和谐家园", "building": "11", "room": "602"}),
    FieldCase(21, "和谐家园11#3-602", {"compound": "和谐家园", "building": "11", "unit": "3", "room": "602"}),
    FieldCase(21, "和谐家园B2-5-1101", {"compound": "和谐家园", "building": "B2", "unit": "5", "room": "1101"}),
    FieldCase(21, "和谐家园11栋3门602", {"compound": "和谐家园", "building": "11", "unit": "3", "room": "602"}),
    FieldCase(21, "和谐家园11#602室", {"compound": "和谐家园", "building": "11", "room": "602"}),
    FieldCase(22, "望海路61-2号", {"road": "望海路", "road_no": "61", "road_no_sub": "2"}),
    FieldCase(22, "碧桂园小区15-203", {"compound": "碧桂园小区", "building": "15", "room": "203"}),
    FieldCase(22, "望海路61号3-402", {"road": "望海路", "road_no": "61", "building": "3", "room": "402"}),
    FieldCase(23, "金茂大厦27层2703", {"compound": "金茂大厦", "floor": "27", "room": "2703"}),
    FieldCase(23, "金茂大厦27F-2703", {"compound": "金茂大厦", "floor": "27", "room": "2703"}),
    FieldCase(23, "兴业大厦第九层", {"compound": "兴业大厦", "floor": "9"}),
    FieldCase(23, "兴业大厦8楼906室", {"compound": "兴业大厦", "floor": "8", "room": "906"}),
    FieldCase(23, "湖畔公寓2栋6楼602室", {"compound": "湖畔公寓", "building": "2", "floor": "6", "room": "602"}),
    FieldCase(24, "太古汇B2层车库", {"floor": "-2"}),
    FieldCase(24, "太古汇商场负一楼", {"floor": "-1"}),
    FieldCase(24, "来福士广场地下三层", {"floor": "-3"}),
    FieldCase(24, "来福士广场-2层", {"floor": "-2"}),
    FieldCase(24, "来福士广场G层08铺", {"floor": "G", "room": "08"}),
    FieldCase(24, "恒隆广场1M层", {"floor": "1M"}),
    FieldCase(24, "恒隆广场夹层", {"floor": "夹层"}),
    FieldCase(24, "恒隆广场顶层", {"floor": "顶层"}),
    FieldCase(24, "恒隆广场避难层", {"floor": "避难层"}),
    FieldCase(24, "恒隆广场B1", {"floor": "-1"}),
    FieldCase(24, "恒隆广场LG1层", {"floor": "LG1"}),
    FieldCase(25, "中海国际A座2701C室", {"building": "A", "room": "2701C"}),
    FieldCase(25, "中海国际大厦901-903室", {"compound": "中海国际大厦", "room": "901-903"}),
    FieldCase(25, "科创园4号楼D1002", {"building": "4", "room": "D1002"}),
    FieldCase(25, "梅园新村5号楼0302室", {"building": "5", "room": "0302"}),
    FieldCase(25, "百合公寓12a室", {"compound": "百合公寓", "room": "12A"}),
    FieldCase(26, "香榭丽花园3号楼二单元501", {"building": "3", "unit": "2", "room": "501"}),
    FieldCase(26, "香榭丽花园3号楼2门501", {"building": "3", "unit": "2", "room": "501"}),
    FieldCase(26, "香榭丽花园3号楼2梯501", {"building": "3", "unit": "2", "room": "501"}),
    FieldCase(26, "香榭丽花园3号楼东单元501", {"building": "3", "unit": "东", "room": "501"}),
    FieldCase(26, "香榭丽花园3号楼甲单元501", {"building": "3", "unit": "甲", "room": "501"}),
    FieldCase(26, "香榭丽花园3号楼A单元501", {"building": "3", "unit": "A", "room": "501"}),
    FieldCase(47, "创智天地8号楼1204室上海云帆信息科技有限公司", {"building": "8", "room": "1204", "tenant": "上海云帆信息科技有限公司"}),
    FieldCase(47, "人民路66号A座302室张记面馆", {"road_no": "66", "building": "A", "room": "302", "tenant": "张记面馆"}),
    FieldCase(47, "建设大厦1506恒信律师事务所", {"compound": "建设大厦", "room": "1506", "tenant": "恒信律师事务所"}),
    FieldCase(49, "综合楼三层西侧强电间", {"building": "综合楼", "floor": "3", "room": "强电间"}),
    FieldCase(49, "教学楼2层会议室", {"building": "教学楼", "floor": "2", "room": "会议室"}),
    FieldCase(49, "科研楼五层会议室502", {"building": "科研楼", "floor": "5", "room": "会议室502"}),
    FieldCase(49, "阳光城3号楼地下二层车位B2-087", {"building": "3", "floor": "-2", "room": "车位B2-087"}),
    FieldCase(49, "办公楼B1层水泵房", {"building": "办公楼", "floor": "-1", "room": "水泵房"}),
    FieldCase(49, "主楼十层核心筒北侧强电井", {"building": "主楼", "floor": "10", "room": "强电井"}),
]  # fmt: skip


@pytest.mark.parametrize("case", named(FIELDS))
def test_fields(case: FieldCase) -> None:
    check_fields(case)


@pytest.fixture(scope="module")
def town() -> AddressIndex:
    homes = [
        f"S江北街道 r和谐路 n61号 c和谐家园 b{b}栋 u{u}单元 f{f}层 s{f}0{r}室"
        for b in (3, 11)
        for u in (1, 3)
        for f in (4, 5, 6, 12)
        for r in (1, 2)
    ]
    tower = [
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f27层 s2703室",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f27层 s2701C室",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f9层 s906室",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f8层 s806室",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f地下1层 sB108室",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f地下2层",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f夹层",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f3层 s弱电间",
        "S江北街道 r望海路 n8号 c金茂大厦 bA座 f3层 s会议室301",
        "S江北街道 r望海路 n61号之2",
        "S江北街道 r莘松路 n380弄 b22号 s601室",
        "S江北街道 r莘松路 n380弄 b2号 s101室",
        "S江北街道 r香榭路 n5号 c香榭丽花园 b3号楼 u东单元 f5层 s501室",
        "S江北街道 r香榭路 n5号 c香榭丽花园 b3号楼 u西单元 f5层 s501室",
        "S江北街道 r香榭路 n7号 c梅园新村 b5号楼 f3层 s302室",
    ]
    return town_of(*homes, *tower)


HOME = "和谐家园11栋3单元6层602室"
MATCHES = [
    *(
        MatchCase(20, f"和谐家园11{word}3单元602", "exact", HOME)
        for word in ("栋", "幢", "座", "号楼", "#", "#楼", "号", "楼")
    ),
    MatchCase(20, "莘松路380弄22号601室", "exact", "380弄22号601室"),
    MatchCase(20, "莘松路380弄22栋601室", "exact", "380弄22号601室"),
    *(
        MatchCase(21, f"和谐家园{form}", "exact", HOME)
        for form in ("11-3-602", "11#3-602", "11栋3门602", "11幢3-602室", "11－3－602", "11/3/602", "11.3.602", "11—3—602", "11号楼3/602", "11栋三-602")
    ),
    MatchCase(22, "望海路61-2", "exact", "望海路61号之2"),
    MatchCase(22, "望海路61-2号", "exact", "望海路61号之2"),
    MatchCase(22, "莘松路380-22-601", "exact", "380弄22号601室"),
    MatchCase(23, "金茂大厦A座27层2703", "exact", "27层2703室"),
    MatchCase(23, "金茂大厦A座27楼2703室", "exact", "27层2703室"),
    MatchCase(23, "金茂大厦A座二十七F-2703", "exact", "27层2703室"),
    MatchCase(23, "金茂大厦A座8楼906", "partial", "A座8层", "room"),
    *(
        MatchCase(24, f"金茂大厦A座{form}", "exact", "A座地下2层")
        for form in ("B2层", "B2", "-2层", "负二楼", "负2层", "地下二层", "地下2F", "-2F", "B2F", "LB2", "地下二楼")
    ),
    MatchCase(24, "金茂大厦A座夹层", "exact", "夹层"),
    MatchCase(24, "金茂大厦A座B4层", "partial", "A座", "floor"),
    MatchCase(25, "金茂大厦A座2701c", "exact", "27层2701C室"),
    MatchCase(25, "金茂大厦A座B108", "exact", "地下1层B108室"),
    MatchCase(25, "梅园新村5号楼0302", "exact", "302室"),
    MatchCase(25, "金茂大厦A座0806室", "exact", "8层806室"),
    MatchCase(26, "香榭丽花园3号楼东单元501", "exact", "东单元5层501室"),
    MatchCase(26, "香榭丽花园3号楼东门501", "exact", "东单元5层501室"),
    MatchCase(26, "香榭丽花园3号楼501", "ambiguous"),
    MatchCase(26, "和谐家园11栋三门602", "exact", HOME),
    MatchCase(26, "和谐家园11栋3梯602", "exact", HOME),
    MatchCase(47, "金茂大厦A座2703室云帆科技有限公司", "exact", "2703室"),
    MatchCase(47, "金茂大厦A座2703云帆科技", "exact", "2703室"),
    MatchCase(47, "和谐家园11栋3单元602老王理发店", "exact", HOME),
    MatchCase(49, "金茂大厦A座三层弱电间", "exact", "3层弱电间"),
    MatchCase(49, "金茂大厦A座3层会议室301", "exact", "会议室301"),
    MatchCase(49, "金茂大厦A座3F东侧弱电间", "exact", "3层弱电间"),
]  # fmt: skip


@pytest.mark.parametrize("case", named(MATCHES))
def test_match(town: AddressIndex, case: MatchCase) -> None:
    check_match(town, case)
