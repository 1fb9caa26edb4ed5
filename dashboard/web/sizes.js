// The sizes of the boxes on the page, told by the browser when they change.
//
// To ask a node for its size after something was written costs a layout of the whole page. So
// nobody asks: the last size that was told is used.
"use strict";
{
    globalThis.Ponte ??= {};
    const sizes = new WeakMap();
    const told = new ResizeObserver((entries) => {
        for (const { target, contentRect } of entries) {
            sizes.set(target, { width: contentRect.width, height: contentRect.height });
        }
        Ponte.redraw?.();
    });

    /** The size {width, height} of a node's inside in pixels. */
    Ponte.size = (node) => {
        let size = sizes.get(node);
        if (!size) {
            const { width, height } = node.getBoundingClientRect();
            size = { width, height };
            sizes.set(node, size);
            told.observe(node);
        }
        return size;
    };
}
