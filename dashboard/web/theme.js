// Language, light or dark, and whether dots may move. The choice is kept in this tab only.
"use strict";
{
    globalThis.Ponte ??= {};
    const root = document.documentElement;
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    const listeners = [];

    function tell() {
        for (const listener of listeners) listener();
    }

    function setTheme(theme) {
        root.dataset.theme = theme;
        tell();
    }

    function setLanguage(lang) {
        root.lang = lang === "pt" ? "pt-BR" : "en";
        Ponte.lang = lang;
        tell();
    }

    still.addEventListener("change", tell);
    Ponte.lang = "en";
    Ponte.theme = {
        setTheme,
        setLanguage,
        /** Calls `listener` after every change of language, theme or motion. */
        listen: (listener) => listeners.push(listener),
        toggle: () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"),
        /** True when the reader asked for a page on which nothing moves by itself. */
        get still() { return still.matches; },
    };
}
