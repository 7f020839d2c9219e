/// The page's style: system fonts, light and dark as the reader has set, one column on a phone,
/// black on white in print.
enum ReportStyle {
    static let css: HTML = """
        :root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d8dde3;--grid:#e8ebef;--hover:rgba(20,40,80,.07);--best:#e7f0fb;
        --k1:#1f6fc9;--k2:#d1570b;--k3:#0b8a61;--k4:#a9359b;--k5:#97700a;--k6:#6a4fc4;--k7:#c22f45;--k8:#5d6b78;--truth:#f0e442;--found:#56b4e9}
        @media screen and (prefers-color-scheme:dark){:root{--page:#14171b;--card:#1d2127;--ink:#e7eaee;--soft:#a0abb7;--line:#363d46;--grid:#2a3038;--hover:rgba(200,220,255,.09);--best:#1f3247;
        --k1:#62a8f0;--k2:#f08f4c;--k3:#3fc295;--k4:#dc86d2;--k5:#d3ad3c;--k6:#a793f2;--k7:#f27a8b;--k8:#9aa8b6}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
        header,main,footer{max-width:1120px;margin:0 auto;padding:0 20px}
        header{padding-top:32px}
        h1{font-size:1.9rem;line-height:1.2;margin:0 0 6px;overflow-wrap:anywhere}
        h2{font-size:1.3rem;margin:36px 0 12px;overflow-wrap:anywhere}
        h3{font-size:1rem;margin:0 0 8px;overflow-wrap:anywhere}
        header p{margin:2px 0}
        .muted,.notice,footer{color:var(--soft);font-size:.88rem}
        footer{padding-top:32px;padding-bottom:32px}
        .card,.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0 0}
        .tile span,.tile small{display:block;color:var(--soft);font-size:.82rem}
        .tile b{font-size:1.4rem;white-space:nowrap;line-height:1.3;font-variant-numeric:tabular-nums}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px}
        .settings{columns:3 300px;column-gap:16px}.settings .card{break-inside:avoid;margin-bottom:16px}.machine{max-width:640px;margin-bottom:16px}.machine th{width:11em}
        figure{margin:0}
        svg{display:block;width:100%;height:auto;overflow:visible}
        svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--soft)}
        svg .tick{font-size:11.5px;font-variant-numeric:tabular-nums}
        .grid{stroke:var(--grid)}.axis{stroke:var(--line)}.mark{stroke:var(--soft);stroke-dasharray:3 3}
        .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.line.faint{stroke-width:1;opacity:.35}
        .hit{fill:transparent}.hit:hover{fill:var(--hover)}
        .c1{--k:var(--k1)}.c2{--k:var(--k2)}.c3{--k:var(--k3)}.c4{--k:var(--k4)}.c5{--k:var(--k5)}.c6{--k:var(--k6)}.c7{--k:var(--k7)}.c8{--k:var(--k8)}
        .line{stroke:var(--k)}.dot,.bar{fill:var(--k)}.dot{stroke:var(--card)}
        ul.legend,ul.runs{list-style:none;margin:0 0 8px;padding:0;display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.86rem;color:var(--soft)}
        ul.runs{flex-direction:column;font-size:.95rem}
        .legend li{overflow-wrap:anywhere}
        .legend b{color:var(--ink);font-weight:600;font-variant-numeric:tabular-nums}
        .key{display:inline-block;width:16px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle;background:var(--k)}
        .key.faint{opacity:.4;height:2px}.key.truth{background:var(--truth);outline:1px solid var(--line)}.key.found{background:var(--found)}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;font-size:.92rem}
        th{text-align:left;font-weight:500}
        .numbers{width:100%;border-collapse:separate;border-spacing:0;background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
        .numbers>:last-child>tr:last-child>*{border-bottom:0}
        .numbers th,.numbers td{padding:7px 12px;border-bottom:1px solid var(--grid)}
        .numbers td,.numbers thead th{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
        .numbers thead th{color:var(--soft)}
        .numbers td[colspan]{text-align:left;color:var(--soft);white-space:normal}
        .numbers .part th{padding-left:28px;color:var(--soft)}.numbers .paper{color:var(--soft)}.numbers .best{background:var(--best)}
        .pairs{width:100%}
        .pairs th,.pairs td{padding:4px 12px 4px 0;border-top:1px solid var(--grid);vertical-align:top}
        .pairs tbody tr:first-child>*{border-top:0}
        .pairs th{color:var(--soft);white-space:nowrap}.pairs td{overflow-wrap:anywhere;min-width:5em}
        .pairs .differs td{font-weight:600}
        details{margin-top:16px}summary{cursor:pointer;padding:8px 0;font-weight:500}
        .examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:16px;margin-bottom:20px}
        .example{padding:10px}
        .pair{display:flex;gap:8px}.pair div{flex:1;min-width:0}
        img{display:block;width:100%;height:auto;border-radius:4px}
        .pair span,.grid4 span{display:block;font-size:.8rem;color:var(--soft);margin-top:3px}
        figcaption{font-size:.86rem;color:var(--soft);margin-top:8px;overflow-wrap:anywhere}
        figcaption b{color:var(--ink);font-weight:600;display:block}
        .grid4 th,.grid4 td{padding:0 10px 12px 0;vertical-align:top}
        .grid4 thead th{color:var(--soft);padding-bottom:6px}
        .grid4 td{min-width:130px;width:200px}
        .grid4 tbody th{min-width:6.5em;max-width:9em;font-size:.86rem;color:var(--soft);overflow-wrap:anywhere}
        @media (max-width:560px){header,main,footer{padding-left:12px;padding-right:12px}h1{font-size:1.5rem}.numbers{font-size:.84rem}.numbers th,.numbers td{padding:6px 5px}.numbers .part th{padding-left:14px}.grid4 td{min-width:110px}.grid4 tbody th{min-width:5.5em;font-size:.8rem}svg text,svg .tick{font-size:14px}.bars svg text,.bars svg .tick{font-size:13px}.pairs th{white-space:normal}.machine th{width:8em}.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:1.25rem}}
        @media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;--best:#eee}
        body{font-size:11pt}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
        .card,.tile,tr,img{break-inside:avoid}h2,h3{break-after:avoid}.hit{display:none}.charts{grid-template-columns:1fr 1fr}.examples{grid-template-columns:1fr 1fr 1fr}.example{padding:6px}.scroll{overflow:visible}}
        """
}
