
/* The page of a phone: it asks for the question, shows it, and sends one vote. */
"use strict";

{
    const ASK_MS = 1500;
    const SLOW_ASK_MS = 5000;
    const WORDS = {
        en: {other: "Português", wait: "Wait for the next question.", vote: "Tap your answer.",
             mine: "Your vote. You may change it while the question is open.",
             closed: "The vote is closed.", right: "✓ came true", yours: "your vote",
             unknown: "This device cannot vote now: reload the page in a minute.",
             gone: "The page does not answer. The class may be over, or the network is gone.",
             again: "Your vote did not arrive: tap it again."},
        pt: {other: "English", wait: "Espere a próxima pergunta.", vote: "Toque na sua resposta.",
             mine: "Seu voto. Você pode mudá-lo enquanto a pergunta estiver aberta.",
             closed: "A votação está encerrada.", right: "✓ aconteceu", yours: "seu voto",
             unknown: "Este aparelho não pode votar agora: recarregue a página em um minuto.",
             gone: "A página não responde. A aula pode ter acabado, ou a rede caiu.",
             again: "Seu voto não chegou: toque de novo."},
    };
    const place = id => document.getElementById(id);
    let ballot = {question: null, known: true};
    let isGone = false;
    let isLost = false;

    const language = () => (document.documentElement.lang.startsWith("pt") ? "pt" : "en");
    const pick = text => (text && typeof text === "object" ? text[language()] ?? text.en : text);

    function write(node, text) {
        if (node.textContent !== text) {
            node.textContent = text;
        }
    }

    function stateOf(words) {
        if (isGone) {
            return words.gone;
        }
        if (!ballot.known) {
            return words.unknown;
        }
        if (!ballot.question) {
            return words.wait;
        }
        if (!ballot.open) {
            return words.closed;
        }
        if (isLost) {
            return words.again;
        }
        return Number.isInteger(ballot.mine) ? words.mine : words.vote;
    }

    /** One button for each answer. They are made once, so that no tap meets another button. */
    function buttons(count) {
        const all = place("answers");
        while (all.children.length > count) {
            all.lastChild.remove();
        }
        while (all.children.length < count) {
            const number = all.children.length;
            const button = document.createElement("button");
            button.type = "button";
            button.append(document.createElement("b"), document.createElement("span"),
                          document.createElement("i"));
            button.firstChild.textContent = "ABCD"[number];
            button.addEventListener("click", () => vote(number));
            all.append(button);
        }
        return [...all.children];
    }

    function draw() {
        const words = WORDS[language()];
        const answers = ballot.question ? ballot.answers : [];
        write(place("language"), words.other);
        write(place("question"), ballot.question ? pick(ballot.question) : "");
        buttons(answers.length).forEach((button, number) => {
            const isMine = ballot.mine === number;
            const isRight = ballot.right === number;
            button.disabled = !ballot.open || !ballot.known;
            button.setAttribute("aria-pressed", String(isMine));
            button.classList.toggle("right", isRight);
            write(button.children[1], pick(answers[number]));
            write(button.children[2], [isMine ? words.yours : "", isRight ? words.right : ""]
                .filter(Boolean).join(" · "));
        });
        write(place("state"), stateOf(words));
    }

    async function vote(answer) {
        const before = ballot.mine;
        ballot.mine = answer;
        isLost = false;
        draw();
        let status = 0;
        try {
            const reply = await fetch("/vote", {
                method: "POST", headers: {"Content-Type": "application/json"},
                body: JSON.stringify({question: ballot.id, answer})});
            status = reply.status;
            if (reply.ok) {
                ballot = await reply.json();
            }
        } catch {
            // The network is gone: the status says so.
        }
        if (status !== 200) {
            ballot.mine = before;
        }
        // It may be sent again: nobody answered, or we were too fast.
        isLost = status === 0 || status === 429;
        draw();
    }

    async function ask() {
        if (!document.hidden) {
            try {
                const reply = await fetch("/vote", {cache: "no-store"});
                if (reply.ok) {
                    const now = await reply.json();
                    isLost = isLost && now.id === ballot.id;
                    ballot = now;
                    isGone = false;
                }
            } catch {
                isGone = true;
            }
            draw();
        }
        setTimeout(ask, isGone ? SLOW_ASK_MS : ASK_MS);
    }

    place("language").addEventListener("click", () => {
        document.documentElement.lang = language() === "pt" ? "en" : "pt-BR";
        draw();
    });
    document.addEventListener("visibilitychange", draw);
    draw();
    ask();
}
