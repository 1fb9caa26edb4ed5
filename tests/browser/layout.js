// What is wrong with the layout of the page, as a list of { kind, what, detail }.
// It is one expression: a function of { root, cutAllowed }, evaluated in the page.
//   below16    text smaller than 16 px
//   leaves     text or a shape leaves its box, or the page is larger than the window
//   cut        text ends in an ellipsis, or is hidden by its box
//   overlap    two texts lie over each other
//   covered    something lies over a text
//   contrast   text with less than 4.5 : 1, or a line with less than 3 : 1
// What moves over the picture on purpose is left out, and a halo, which is as light as its paper.
({ root = "body", cutAllowed = false } = {}) => {
    const TEXT_CONTRAST = 4.5, LINE_CONTRAST = 3, SMALLEST_PX = 16;
    // Pixels by which a box may be missed: fractions of a pixel are rounded anew at every border.
    const SLACK = 1.5;
    const MOVING = "[data-moving],.layer-moving";
    const SHAPES = "path,line,polyline,polygon,rect,circle,ellipse";
    const found = [];
    const report = (kind, what, detail) => found.push({ kind, what, detail });

    // Colours: any that CSS can write, by the canvas, as [r, g, b, alpha].
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const known = new Map();
    const colour = css => {
        if (!known.has(css)) {
            canvas.clearRect(0, 0, 1, 1);
            canvas.fillStyle = css;
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
            known.set(css, [r, g, b, a / 255]);
        }
        return known.get(css);
    };
    const over = (top, below) =>
        [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const luminance = rgb => {
        const [r, g, b] = rgb.map(value => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, two) => {
        const [high, low] = [luminance(one), luminance(two)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    };
    const hex = rgb => "#" + rgb.slice(0, 3).map(v => Math.round(v).toString(16).padStart(2, "0"))
        .join("");

    const opacity = element => {
        let product = 1;
        for (let e = element; e; e = e.parentElement) product *= +getComputedStyle(e).opacity;
        return product;
    };
    const withOpacity = ([r, g, b, a], element) => [r, g, b, a * opacity(element)];
    const isSvg = element => element instanceof SVGElement;
    const fillOf = element => {
        const style = getComputedStyle(element);
        if (!isSvg(element) || element.localName === "svg") {
            return withOpacity(colour(style.backgroundColor), element);
        }
        if (!element.matches(SHAPES) || element.localName === "line" || style.fill === "none" || style.fill.startsWith("url")) {
            return [0, 0, 0, 0];
        }
        const [r, g, b, a] = colour(style.fill);
        return withOpacity([r, g, b, a * +style.fillOpacity], element);
    };
    // The colour below an element at a point: what lies under it, from the top to the first that
    // lets nothing through.
    const below = (element, x, y, itself = false) => {
        const stack = document.elementsFromPoint(x, y);
        const at = stack.indexOf(element);
        const under = at < 0 ? stack : stack.slice(itself ? at : at + 1);
        const layers = [];
        for (const each of under) {
            const fill = fillOf(each);
            if (fill[3] > 0) layers.push(fill);
            if (fill[3] >= 0.999) break;
        }
        return layers.reverse().reduce((sum, layer) => over(layer, sum), [255, 255, 255, 1]);
    };

    const top = document.querySelector(root);
    if (!top) return [{ kind: "missing", what: root, detail: "" }];
    const shown = element => element.checkVisibility(
        { opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });
    // A text for the ears only is one pixel large.
    const forEars = element => {
        for (let e = element; e && e !== top; e = e.parentElement) {
            const style = getComputedStyle(e);
            if (style.position === "absolute" && e.clientWidth <= 1 && e.clientHeight <= 1
                && style.overflow !== "visible" && !isSvg(e)) return true;
        }
        return false;
    };
    const short = text => text.trim().replace(/\s+/g, " ").slice(0, 60);
    const placeOf = element => {
        const names = [];
        for (let e = element; e && e !== document.body && names.length < 3; e = e.parentElement) {
            names.unshift(e.id ? `#${e.id}` : e.localName + (e.dataset?.part
                ? `[${e.dataset.part}]` : e.classList?.length ? `.${[...e.classList].join(".")}` : ""));
            if (e.id) break;
        }
        return names.join(" > ");
    };

    // Everything can be hit while we look for what lies under a point.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { pointer-events: auto !important }");
    document.adoptedStyleSheets.push(sheet);
    try {
        const window_ = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
        const page = document.scrollingElement;
        const modal = top.closest("dialog");
        if (!modal && (page.scrollWidth > innerWidth + 1 || page.scrollHeight > innerHeight + 1)) {
            report("leaves", "page", `${page.scrollWidth} x ${page.scrollHeight} px in a window of `
                + `${innerWidth} x ${innerHeight}`);
        }
        const leaves = (rect, box) => Math.max(box.left - rect.left, box.top - rect.top,
            rect.right - box.right, rect.bottom - box.bottom);

        // All lines of text, with the part of them that is to be seen.
        const texts = [];
        const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const element = node.parentElement;
            if (!node.data.trim() || !shown(element) || forEars(element)
                || element.closest(`option,script,style,title,desc,defs,${MOVING}`)) continue;
            const range = document.createRange();
            range.selectNodeContents(node);
            for (const rect of range.getClientRects()) {
                if (rect.width > 0.5) texts.push({ node, element, rect });
            }
        }

        const scrolled = style => /auto|scroll/.test(style.overflow + style.overflowX + style.overflowY);
        const clipped = style => /hidden|clip/.test(style.overflow + style.overflowX + style.overflowY);
        const isBox = style => scrolled(style) || clipped(style) || colour(style.backgroundColor)[3] > 0
            || parseFloat(style.borderTopWidth) > 0 || parseFloat(style.borderLeftWidth) > 0;
        const visible = [];
        for (const text of texts) {
            const { element, rect, node } = text;
            const what = short(node.data);
            const style = getComputedStyle(element);
            const scale = isSvg(element) ? Math.abs(element.getScreenCTM()?.a ?? 1) : 1;
            const size = parseFloat(style.fontSize) * scale;
            let hidden = false, left = 0, place = "";
            for (let e = element; e && e !== document.body; e = e.parentElement) {
                if (isSvg(e) && e.localName !== "svg") continue;
                const own = getComputedStyle(e);
                if (!isSvg(e) && !isBox(own)) continue;
                const box = e.getBoundingClientRect();
                const beyond = leaves(rect, box);
                if (scrolled(own)) {
                    hidden = beyond > rect.height / 3;
                    if (beyond > SLACK) break;
                } else if (own.textOverflow === "ellipsis" && e.scrollWidth > e.clientWidth + 1) {
                    const whole = e.title || e.closest("[title]")?.title || "";
                    const isWay = element.dataset.part === "way";
                    if (!((cutAllowed || isWay) && whole)) report("cut", what, placeOf(e));
                    hidden = rect.left > box.right;
                    rect.width = Math.min(rect.width, box.right - rect.left);
                    break;
                } else if (beyond > SLACK && beyond > left) {
                    left = beyond;
                    place = placeOf(e);
                }
            }
            if (hidden) continue;
            if (left) report("leaves", what, `by ${left.toFixed(1)} px: ${place}`);
            else if (!modal && leaves(rect, window_) > SLACK) {
                report("leaves", what, `the window by ${leaves(rect, window_).toFixed(1)} px: `
                    + placeOf(element));
            }
            // Text that a script has shortened; a button may promise a dialog by three dots.
            if (/\S…$/.test(node.data.trim())
                && !element.closest("button,[data-part='way']")) {
                const whole = element.title || element.closest("[title],[aria-label]")
                    || element.parentElement.querySelector(":scope > title");
                if (!(cutAllowed && whole)) report("cut", what, placeOf(element));
            }
            if (size < SMALLEST_PX - 0.01) {
                report("below16", what, `${size.toFixed(1)} px: ${placeOf(element)}`);
            }
            visible.push(text);
        }

        // Two texts over each other. The box of a line is higher than its letters.
        const inner = visible.map(({ rect }) => ({
            left: rect.left + 1, right: rect.right - 1,
            top: rect.top + rect.height * 0.2, bottom: rect.bottom - rect.height * 0.2 }));
        const reported = new Set();
        for (let i = 0; i < visible.length; i++) {
            for (let j = i + 1; j < visible.length; j++) {
                const a = inner[i], b = inner[j];
                if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
                    && visible[i].node !== visible[j].node) {
                    const key = `${short(visible[i].node.data)} / ${short(visible[j].node.data)}`;
                    if (!reported.has(key)) report("overlap", key, placeOf(visible[i].element));
                    reported.add(key);
                }
            }
        }

        for (const { element, rect, node } of visible) {
            const x = rect.left + rect.width / 2, y = rect.top + rect.height / 2;
            const stack = document.elementsFromPoint(x, y).filter(e => !e.closest(MOVING));
            if (!stack.length) continue;
            const hit = stack[0];
            const related = hit.contains(element) || element.contains(hit)
                || (isSvg(hit) && isSvg(element) && fillOf(hit)[3] < 0.5)
                || (!isSvg(hit) && fillOf(hit)[3] < 0.05) || hit.localName === "text";
            if (!related && stack.includes(element)) {
                report("covered", short(node.data), `by ${placeOf(hit)}`);
                continue;
            }
            const style = getComputedStyle(element);
            const ink = withOpacity(colour(isSvg(element) ? style.fill : style.color), element);
            const paper = below(element, x, y, !isSvg(element));
            const ratio = contrast(over(ink, paper), paper);
            if (ratio < TEXT_CONTRAST - 0.005) {
                report("contrast", short(node.data), `${ratio.toFixed(2)} : 1, ${hex(ink)} on `
                    + `${hex(paper)}: ${placeOf(element)}`);
            }
        }

        // Lines: of shapes, and borders of boxes.
        const lines = new Map();
        const judge = (ratio, element, ink, paper) => {
            if (ratio >= LINE_CONTRAST - 0.005) return;
            const key = placeOf(element).replace(/\d+/g, "n") + hex(ink);
            if (!lines.has(key)) lines.set(key, [ratio, element, ink, paper]);
        };
        for (const shape of top.querySelectorAll(SHAPES)) {
            if (!shown(shape) || shape.closest(`${MOVING},.halo,defs,clipPath,mask,marker,pattern`)) {
                continue;
            }
            const style = getComputedStyle(shape), rect = shape.getBoundingClientRect();
            const frame = shape.ownerSVGElement.getBoundingClientRect();
            const out = leaves(rect, frame);
            if (out > 2.5 && getComputedStyle(shape.ownerSVGElement).overflow === "hidden"
                || leaves(rect, window_) > 2.5 && !modal) {
                report("leaves", placeOf(shape), `a shape, by ${out.toFixed(1)} px`);
            }
            if (style.stroke === "none" || !parseFloat(style.strokeWidth)) continue;
            const ink = withOpacity(colour(style.stroke), shape);
            ink[3] *= +style.strokeOpacity;
            if (ink[3] === 0) continue;
            const matrix = shape.getScreenCTM();
            let length = 0;
            try { length = shape.getTotalLength(); } catch (error) { continue; }
            if (!length || !matrix) continue;
            const point = shape.getPointAtLength(length / 2).matrixTransform(matrix);
            if (point.x < 0 || point.y < 0 || point.x >= innerWidth || point.y >= innerHeight) continue;
            // A line may lie under another: what counts is the paper, which is what no line is.
            const paper = below(shape, point.x, point.y);
            const filled = over(fillOf(shape), paper);
            const drawn = over(ink, paper);
            judge(Math.max(contrast(drawn, paper), contrast(drawn, filled)), shape, ink, paper);
        }
        for (const element of top.querySelectorAll("*")) {
            if (isSvg(element) || !shown(element)) continue;
            const style = getComputedStyle(element);
            for (const side of ["Top", "Right", "Bottom", "Left"]) {
                if (!parseFloat(style[`border${side}Width`])
                    || style[`border${side}Style`] === "none") continue;
                const ink = withOpacity(colour(style[`border${side}Color`]), element);
                const rect = element.getBoundingClientRect();
                if (ink[3] === 0 || leaves(rect, window_) > 2 || rect.width < 2) continue;
                const x = rect.left + rect.width / 2, y = rect.top + Math.min(2, rect.height / 2);
                const outside = below(element, x, y), inside = over(fillOf(element), outside);
                const drawn = over(ink, inside);
                judge(Math.max(contrast(drawn, outside), contrast(drawn, inside)), element, ink,
                    outside);
                break;
            }
        }
        for (const [ratio, element, ink, paper] of lines.values()) {
            report("contrast", `a line of ${placeOf(element)}`,
                `${ratio.toFixed(2)} : 1, ${hex(ink)} on ${hex(paper)}`);
        }
        // Content that leaves a box without a text of its own in it: a button out of a card.
        for (const element of top.querySelectorAll("*")) {
            if (isSvg(element) || !shown(element) || element.closest(MOVING)) continue;
            const style = getComputedStyle(element);
            if (!element.clientWidth || scrolled(style) || style.display.startsWith("inline")
                && style.display === "inline" || forEars(element)) continue;
            if (style.textOverflow === "ellipsis" || !isBox(style)) continue;
            const wide = element.scrollWidth - element.clientWidth;
            const high = element.scrollHeight - element.clientHeight;
            if (wide > 2 || high > 3) {
                report("leaves", placeOf(element), `its content is ${Math.max(wide, 0)} x `
                    + `${Math.max(high, 0)} px larger: ${short(element.textContent)}`);
            }
        }
    } finally {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter(each => each !== sheet);
    }
    return found;
}
