// Pictures of markers, drawn once and kept.
export const STATE_COLORS = { normal: "#37d39a", warning: "#ffb53d", alarm: "#ff4d5e", stale: "#93a1b3" };
export const STAGE_COLORS = { 上报: "#ffd166", 受理: "#ffd166", 立案: "#f7a072", 派遣: "#6ea8fe", 处置: "#4fd1ff", 反馈: "#8ce99a", 核查: "#8ce99a", 挂账: "#b197fc", 结案: "#93a1b3", 作废: "#93a1b3" };
const kept = new Map();
const RATIO = 2;

function drawn(key, width, height, paint) {
  if (!kept.has(key)) {
    const canvas = Object.assign(document.createElement("canvas"), { width: width * RATIO, height: height * RATIO });
    const pen = canvas.getContext("2d");
    pen.scale(RATIO, RATIO);
    paint(pen);
    kept.set(key, canvas);
  }
  return kept.get(key);
}

/** A dot of one stream; half size in pixels because canvases are drawn at twice it. */
export const dot = (state) => drawn(`dot ${state}`, 22, 22, (pen) => {
  pen.shadowColor = "rgba(8,20,34,.6)";
  pen.shadowBlur = 4;
  pen.beginPath(); pen.arc(11, 11, 7, 0, 7); pen.fillStyle = "#fff"; pen.fill();
  pen.shadowBlur = 0;
  pen.beginPath(); pen.arc(11, 11, 5.2, 0, 7); pen.fillStyle = STATE_COLORS[state] ?? STATE_COLORS.stale; pen.fill();
});

/** A ring that shows the shares of states of a group, its count inside. */
export const group = (counts) => {
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const key = `group ${Object.entries(counts).map(([k, n]) => k[0] + n).join()}`;
  const size = total < 10 ? 34 : total < 50 ? 40 : 46;
  return drawn(key, size, size, (pen) => {
    const middle = size / 2;
    pen.shadowColor = "rgba(8,20,34,.6)";
    pen.shadowBlur = 5;
    pen.beginPath(); pen.arc(middle, middle, middle - 5, 0, 7); pen.fillStyle = "rgba(11,24,40,.9)"; pen.fill();
    pen.shadowBlur = 0;
    pen.lineWidth = 4;
    let from = -Math.PI / 2;
    for (const state of ["alarm", "warning", "normal", "stale"]) {
      const to = from + 2 * Math.PI * (counts[state] ?? 0) / total;
      pen.beginPath(); pen.arc(middle, middle, middle - 6, from, to); pen.strokeStyle = STATE_COLORS[state]; pen.stroke();
      from = to;
    }
    pen.fillStyle = "#f2f7fc";
    pen.font = "600 12px system-ui, 'Noto Sans CJK SC', sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(total, middle, middle + 0.5);
  });
};

/** A pin of a case in the colour of its stage. */
export const pin = (stage) => drawn(`pin ${stage}`, 20, 26, (pen) => {
  pen.shadowColor = "rgba(8,20,34,.6)";
  pen.shadowBlur = 3;
  pen.beginPath();
  pen.moveTo(10, 24); pen.bezierCurveTo(2, 14, 2, 10, 2, 9.5); pen.arc(10, 9.5, 8, Math.PI, 0); pen.bezierCurveTo(18, 10, 18, 14, 10, 24);
  pen.fillStyle = STAGE_COLORS[stage] ?? "#ffd166"; pen.fill();
  pen.shadowBlur = 0;
  pen.fillStyle = "rgba(11,24,40,.9)";
  pen.beginPath(); pen.arc(10, 9.5, 3.2, 0, 7); pen.fill();
});
