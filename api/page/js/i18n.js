// Every text of the page in both languages; ?lang= and the browser's choice are remembered in the address.

const TEXTS = {
  subtitle: ["城市数字孪生底座", "City digital-twin base"], searchHint: ["搜索地址、名称、编码、传感器…", "Search address, name, code, sensor…"],
  home: ["总览", "Overview"], underground: ["地下", "Underground"], otherLanguage: ["English", "中文"], layers: ["图层", "Layers"], alarms: ["告警", "Alarms"],
  loading: ["正在打开城市…", "Opening the city…"], failed: ["场景无法打开：", "The scene cannot be opened: "], noWebgl: ["这个浏览器不支持 WebGL 2，无法显示三维场景。", "This browser has no WebGL 2, so the 3D scene cannot be shown."],
  noCesium: ["三维引擎文件缺失，请先运行 python -m api.page_assets。", "The 3D engine is missing; run python -m api.page_assets first."],
  noHits: ["没有找到", "Nothing found"], noAlarms: ["当前没有告警", "No alarms now"], acknowledge: ["确认", "Acknowledge"], actor: ["值班员", "Duty officer"],
  state_active: ["未确认", "unanswered"], state_acknowledged: ["已确认", "acknowledged"], state_returned: ["已恢复", "back to normal"], state_closed: ["已关闭", "closed"], state_latched: ["待复位", "waits for reset"], state_shelved: ["已搁置", "shelved"], state_suppressed: ["已抑制", "suppressed"], state_out_of_service: ["已停用", "out of service"],
  step_acknowledge: ["确认", "Acknowledge"], step_close: ["关闭", "Close"], step_reset: ["复位", "Reset"], step_unshelve: ["取消搁置", "Unshelve"], step_unsuppress: ["取消抑制", "Unsuppress"], step_return_to_service: ["恢复使用", "Return to service"], shelve: ["搁置 {n} 小时", "Shelve {n} h"], openCase: ["转为案件", "Open a case"], reason: ["原因、备注", "Reason, note"], duty: ["岗位", "As"], threshold: ["阈值", "Threshold"], since: ["发生时间", "Since"], until: ["搁置至", "Shelved until"], kind: ["规则类型", "Kind of rule"], sensor: ["传感器", "Sensor"],
  kind_level: ["限值", "level"], kind_rate: ["变化率", "rate of change"], kind_stale: ["数据中断", "silence"], kind_compound: ["组合", "compound"],
  event_raise: ["触发", "raised"], event_return: ["恢复", "returned"], event_acknowledge: ["确认", "acknowledged"], event_close: ["关闭", "closed"], event_shelve: ["搁置", "shelved"], event_unshelve: ["取消搁置", "unshelved"], event_reset: ["复位", "reset"], event_suppress: ["抑制", "suppressed"], event_unsuppress: ["取消抑制", "unsuppressed"],
  normal: ["正常", "Normal"], warning: ["预警", "Warning"], alarm: ["报警", "Alarm"], stale: ["历史数据", "Historical"],
  groupModel: ["三维模型", "3D models"], groupMap: ["地图要素", "Map features"], groupLive: ["实时感知", "Live"], imagery: ["正射影像", "Orthophoto"], streams: ["传感器", "Sensors"], cases: ["未结案件", "Open cases"], models: ["精细模型", "Detailed models"], furniture: ["部件与行道树", "Street furniture and trees"],
  attributes: ["属性", "Attributes"], place: ["位置", "Place"], address: ["地址", "Address"], grid: ["单元网格", "Unit grid"], ground: ["地面高", "Ground height"], elevation: ["高程", "Elevation"], position: ["经纬度", "Lon, lat"],
  sensors: ["传感器", "Sensors"], related: ["所属", "Part of"], contains: ["包含", "Contains"], sources: ["数据来源", "Sources"], history: ["变更历史", "History"], aliases: ["标识", "Identifiers"], watched: ["所在部件或建筑", "The thing it watches"], close: ["关闭", "Close"],
  chartSays: ["{n} 个读数，{low} 至 {high} {unit}，最近 {last}", "{n} readings from {low} to {high} {unit}, last {last}"], noReadings: ["没有读数", "No readings"], liveLost: ["实时连接中断，正在重连…", "Live connection lost, reconnecting…"], liveBack: ["实时连接已恢复", "Live connection restored"], truncated: ["只显示前 {n} 个", "Only the first {n} are shown"],
  height_m: ["高度", "Height"], floors: ["地上层数", "Floors"], floors_below: ["地下层数", "Floors below"], usage: ["用途", "Use"], year_built: ["建成年份", "Built"], diameter_mm: ["管径", "Diameter"], depth_m: ["埋深", "Depth"], material: ["材质", "Material"], road_class: ["道路等级", "Road class"], width_m: ["宽度", "Width"], code: ["编码", "Code"], name: ["名称", "Name"], number: ["房号", "Room number"], storey: ["楼层", "Storey"], storey_number: ["层号", "Storey number"], groups: ["所属分组", "Groups"], elevation_m: ["标高", "Level"], area_m2: ["面积", "Area"], building_code: ["楼栋编码", "Building code"], unit: ["单元", "Unit"], ifc_class: ["IFC 类", "IFC class"], type: ["类型", "Type"], lifecycle: ["状态", "Status"], in_use: ["在用", "in use"],
  stage: ["阶段", "Stage"], reported: ["上报时间", "Reported"], source: ["来源", "Source"], department: ["责任单位", "Unit"], case: ["案件", "Case"], value: ["当前值", "Value now"], updated: ["更新时间", "Updated"], subject: ["专题", "Subject"],
  iOnline: ["在线传感器", "Sensors online"], iNormal: ["正常", "Normal"], iWarning: ["预警", "Warning"], iAlarm: ["报警", "Alarm"], iAlarms: ["未关闭告警", "Open alarms"], iUnanswered: ["待确认", "Unanswered"], iCases: ["在办案件", "Open cases"], iBuildings: ["建筑", "Buildings"], iFresh: ["最新数据", "Newest reading"], iOld: ["历史数据截至", "Historical, up to"],
  legend: ["管线图例", "Pipes by medium"], depth: ["光影", "Shadows"], depthHint: ["阴影与环境光遮蔽（需要显卡）", "Shadows and ambient occlusion (wants a graphics card)"], hour: ["时刻", "Time of day"], show: ["查看", "Show"],
  comeNearer: ["靠近地面后显示", "shown near the ground"], someOf: ["视野内 {all} 个，只显示前 {n} 个", "first {n} of {all} in view"], allInView: ["视野内 {n} 个", "{n} in view"],
  replay: ["回放", "Replay"], replaying: ["回放历史，不是现在", "The past, not now"], from: ["从", "From"], to: ["到", "To"], play: ["播放", "Play"], pause: ["暂停", "Pause"], speed: ["倍速", "Speed"], backToNow: ["返回现在", "Back to now"], replayAt: ["回放时刻", "Moment shown"], badInterval: ["请选择先后两个时刻，后者不晚于现在。", "Choose two moments, one after the other and none later than now."], iPast: ["回放时刻", "Moment shown"], lagging: ["变化较多，中间状态已合并", "Many changes: states in between were folded together"], pastActions: ["回放中不能处置；返回现在后再操作。", "Nothing can be done in the past; go back to now first."],
  board: ["案件看板", "Case board"], allCases: ["全部", "All"], overdueOnly: ["只看超时", "Overdue only"], overdue: ["超时", "overdue"], due: ["时限", "Due"], stageDue: ["阶段时限", "Due at this stage"], urged: ["督办", "urged"], byArea: ["街道", "Subdistrict"], byUnit: ["责任单位", "Unit"], byCode: ["类型编码", "Type code"], moreCases: ["另有 {n} 件", "{n} more"], boardSays: ["在办 {open} 件，超时 {late} 件", "{open} open, {late} overdue"],
  hours: ["小时数", "Hours"], untilTime: ["截止时间", "Until"], newUnit: ["改派单位", "To unit"], into: ["并入案件（编号）", "Into case (number)"], needsReason: ["这一步要写明原因。", "This step needs a reason."], needsSaid: ["这一步要填写：{what}", "This step needs: {what}"], mergedInto: ["已并入", "Merged into"], extension: ["申请延期", "Asked for more time"], extension_asked: ["待批", "not answered"], extension_granted: ["已批准", "granted"], extension_refused: ["未批准", "refused"], overdueSince: ["已超时，自", "Overdue since"],
  photos: ["照片", "Photos"], addPhoto: ["上传照片", "Add a photo"], photoTaken: ["拍摄时间", "Taken"], verdict_agrees: ["位置相符，相距 {m} m", "taken here, {m} m away"], verdict_agrees_as_gcj02: ["按 GCJ-02 读取时位置相符，相距 {m} m", "taken here if read as GCJ-02, {m} m away"], verdict_far: ["位置不符，相距 {m} m", "taken elsewhere, {m} m away"], verdict_no_position: ["照片没有位置信息", "the photo has no position"], verdict_no_place: ["案件没有位置", "the case has no place"],
  duplicates: ["疑似重复", "Possible duplicates"], mergeHere: ["并入此案", "Merge into it"],
  watchRules: ["监测规则", "Rules"], deadBand: ["回差 {n}", "dead band {n}"], onDelay: ["持续 {n} 秒触发", "after {n} s"], above: ["高于", "above"], below: ["低于", "below"], perMinute: ["每分钟", "per minute"], seconds: ["秒", "s"], bands: ["阈值带：{text}", "Bands: {text}"],
  reach: ["影响范围", "Within reach"], reachSays: ["{m} 米内 {n} 个对象", "{n} things within {m} m"], reachNone: ["范围内没有对象", "Nothing within reach"], upstream: ["上游管线", "Upstream pipes"], downstream: ["下游管线", "Downstream pipes"], connected: ["相连管线", "Connected pipes"], hideReach: ["清除范围", "Clear"],
  class_code: ["分类编码", "Class code"], Height: ["高度", "Height"], NetFloorArea: ["净面积", "Net floor area"], GrossFloorArea: ["建筑面积", "Gross floor area"], NetVolume: ["净体积", "Net volume"], GrossVolume: ["体积", "Gross volume"],
};

let language = new URLSearchParams(location.search).get("lang") === "en" ? 1 : 0;
const listeners = [];

export const lang = () => (language ? "en" : "zh");
export const texts = TEXTS;
export const has = (key) => key in TEXTS;
export const t = (key, values = {}) => Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), TEXTS[key]?.[language] ?? key);
export const title = (both) => both?.[lang()] ?? both?.zh ?? "";
export const onLanguage = (listener) => { listeners.push(listener); };
export const moment = (text) => (text ? new Date(text).toLocaleString(language ? "en-GB" : "zh-CN", { hour12: false }) : "—");
export const figure = (value, digits = 2) => Number(value).toLocaleString(language ? "en-GB" : "zh-CN", { maximumFractionDigits: digits });

export function translate(root = document) {
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-placeholder]")) element.placeholder = element.ariaLabel = t(element.dataset.i18nPlaceholder);
  for (const element of root.querySelectorAll("[data-i18n-title]")) element.title = element.ariaLabel = t(element.dataset.i18nTitle);
}

export function setLanguage(name) {
  language = name === "en" ? 1 : 0;
  document.documentElement.lang = language ? "en" : "zh-CN";
  document.getElementById("language").textContent = t("otherLanguage");
  translate();
  const url = new URL(location.href);
  url.searchParams.set("lang", lang());
  history.replaceState(null, "", url);
  for (const listener of listeners) listener();
}

const SHOWN = { Cel: "℃", "[degF]": "℉", deg: "°", Ohm: "Ω", "[ft_i]": "ft", "[ft_us]": "ft", "[in_i]": "in", "[yd_i]": "yd", "[ppm]": "ppm", "[ppb]": "ppb", "[pH]": "pH" };
const COUNTED = { person: ["人", "persons"], 人: ["人", "persons"], times: ["次", "times"] };
const raised = (power) => [...power].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
const unitPart = (part) => {
  if (part in SHOWN) return SHOWN[part];
  const counted = /^\{(.+)\}$/.exec(part)?.[1];
  if (counted) return COUNTED[counted]?.[lang() === "zh" ? 0 : 1] ?? counted;
  const [, name, power] = /^([A-Za-z]+)(-?\d+)$/.exec(part) ?? [null, part, ""];
  return (/^u[a-zA-Z]{1,3}$/.test(name) ? `µ${name.slice(1)}` : name) + raised(power);
};

/** A UCUM code as people write it (`twin.units.shown` on the server). */
export const unit = (code) => (code ?? "").split("/").map((term) => term.split(".").map(unitPart).join("·")).join("/");
