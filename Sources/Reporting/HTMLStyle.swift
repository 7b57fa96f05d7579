extension HTMLPage {
  /// The style of every page: light and dark, wide, narrow and printed.
  ///
  /// The colours of series are those of Okabe and Ito after a grey. They are shifted, so that each
  /// has a contrast of 3 to 1 with the paper and any two differ by 16 units of CIELAB. This also
  /// holds under simulated protanopia, deuteranopia and tritanopia.
  static let style = """
    :root { color-scheme: light dark; \(light) }
    @media (prefers-color-scheme: dark) { :root { \(dark) } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
    main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
    h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 1px solid var(--line); }
    h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
    a { color: var(--link); }
    p { max-width: 46rem; }
    .lead { color: var(--faint); font-size: 1.05rem; }
    .status { border-left: 4px solid var(--link); padding-left: .8rem; font-weight: 600; }
    .contents ul { list-style: none; margin: 1rem 0; padding: 0; columns: 16rem; }
    .contents li { break-inside: avoid; padding: .15rem 0; }
    /* Shadows at the edges beyond which a table goes on. */
    /* A table that is wider than the text uses the room beside it. */
    main > .wide, main > details > .wide { position: relative; left: 50%; transform: translateX(-50%);
      width: max-content; min-width: 100%; max-width: calc(100vw - 3rem); }
    .wide { overflow-x: auto; background:
      linear-gradient(90deg, var(--paper) 30%, transparent) left / 2.5rem 100% no-repeat local,
      linear-gradient(270deg, var(--paper) 30%, transparent) right / 2.5rem 100% no-repeat local,
      linear-gradient(90deg, var(--line), transparent) left / .8rem 100% no-repeat scroll,
      linear-gradient(270deg, var(--line), transparent) right / .8rem 100% no-repeat scroll; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; overflow-wrap: normal; }
    th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    th { color: var(--faint); font-weight: 600; font-size: .85rem; }
    tr.total td { font-weight: 700; }
    main > ul li { max-width: 46rem; margin: .3rem 0; }
    .facts { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .35rem 1.2rem; margin: .6rem 0; }
    .facts dt { color: var(--faint); font-weight: 600; font-size: .9rem; }
    .facts dd { margin: 0; max-width: 46rem; }
    @media (max-width: 36rem) { .facts { display: block; } .facts dd { margin: 0 0 .5rem; } }
    pre { overflow-x: auto; border: 1px solid var(--line); border-radius: 4px; padding: .6rem .8rem;
      font-size: .85rem; overflow-wrap: normal; }
    details { margin: .8rem 0; }
    summary { cursor: pointer; color: var(--link); }
    figure { margin: 0; }
    figcaption { color: var(--faint); font-size: .85rem; max-width: 46rem; }
    .drawings { display: flex; flex-wrap: wrap; gap: 1rem 2rem; margin: .8rem 0; }
    .drawings > figure { flex: 1 1 19rem; max-width: 29rem; min-width: 0; }
    .beside { flex: 1 1 19rem; min-width: 0; }
    .plot { width: 100%; height: auto; display: block; }
    /* A border in the colour of the paper keeps lines away from the letters. */
    .plot text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; fill: var(--ink); font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; }
    .plot .faint { fill: var(--faint); font-size: 12px; }
    .plot .number { font-size: 12px; font-variant-numeric: tabular-nums; }
    .plot .row, .plot .title { font-weight: 600; }
    .plot .grid { stroke: var(--line); }
    .plot .axis { stroke: var(--faint); }
    .plot .zero { stroke: var(--faint); stroke-dasharray: 4 3; }
    .plot .frame { fill: none; stroke: var(--line); }
    .plot .line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
    .plot .interval { stroke: currentColor; stroke-width: 2; }
    .plot .band { fill: currentColor; opacity: .16; }
    .plot .mark { fill: currentColor; stroke: var(--paper); stroke-width: .7; }
    .plot .point { fill: currentColor; fill-opacity: .8; }
    .plot .bar { fill: currentColor; }
    .d1 { stroke-dasharray: 7 3; } .d2 { stroke-dasharray: 2 3; } .d3 { stroke-dasharray: 9 3 2 3; }
    \((0..<PlotMark.colours).map { ".s\($0) { color: var(--s\($0)); }" }.joined(separator: " "))
    .over { margin: 1.2rem 0 .2rem; font-weight: 600; }
    .gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; }
    .gallery img { width: 100%; height: auto; display: block; border-radius: 4px; }
    .key { list-style: none; padding: 0; margin: .5rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem;
      font-size: .9rem; }
    .key span { display: inline-block; width: .9em; height: .9em; margin-right: .4em; vertical-align: -.1em;
      border: 1px solid var(--faint); border-radius: 2px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    @media print {
      :root { color-scheme: light; \(light) }
      body { font-size: 11pt; }
      main { max-width: none; padding: 0; }
      .contents { display: none; }
      main > .wide, main > details > .wide { left: 0; transform: none; width: auto; max-width: none; }
      .wide { overflow: visible; }
      pre { white-space: pre-wrap; overflow-wrap: anywhere; }
      th, td { white-space: normal; padding: .2rem .5rem; }
      h2, h3, summary, .over { break-after: avoid; }
      figure, tr { break-inside: avoid; }
      .drawings > figure { max-width: 48%; flex-basis: 40%; }
      .beside { flex-basis: 100%; }
      .gallery { grid-template-columns: repeat(6, 1fr); gap: .2cm; break-inside: avoid; }
      details::details-content { content-visibility: visible; display: block; height: auto; }
    }
    """

  private static let light = """
    --ink: #1d2530; --faint: #5c6876; --line: #dde2e8; --paper: #ffffff; --link: #0b62a4; --s0: #4b5766; \
    --s1: #be4e00; --s2: #0072b2; --s3: #006637; --s4: #ce8500; --s5: #319ed4; --s6: #c878a7;
    """
  private static let dark = """
    --ink: #e6eaf0; --faint: #9aa7b6; --line: #333b46; --paper: #14181d; --link: #7cc0f5; --s0: #b4bfcd; \
    --s1: #d55e00; --s2: #0b73b3; --s3: #009e73; --s4: #e69f00; --s5: #54b4e9; --s6: #c6739f;
    """
}
