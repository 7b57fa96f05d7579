import Datasets
import Foundation
import Imaging
import Storage

/// Makes a site of the items of a review whose true masks reviewers state.
///
/// The site is written as an import, so a second call changes nothing, and what is left out is in
/// `import.json`. Beside it stand the masks of the model (`model-masks/`) and `review.json`.
package struct ReviewApplication {
  /// The choices of the user.
  package struct Options: Sendable {
    /// The name of the site.
    package var site: String
    /// The only reviewer who counts; nil for all.
    package var reviewer: String?
    /// Whether images that the run withheld may become training data.
    package var allowsHeldOut = false

    /// Makes the defaults.
    package init(site: String) { self.site = site }
  }

  /// An item whose mask is known.
  private struct Chosen {
    let row: ReviewQueue.Row
    let found: DecisionFiles.Found
    let masks: [ReviewMask]
    /// The others who decided it.
    let others: [String]
    /// Whether no pixel is lesion.
    var isEmpty: Bool { !masks.contains { ((try? $0.runs.area) ?? 0) > 0 } }
  }

  private let content: ReviewContent
  private let options: Options
  private var chosen: [Chosen] = []
  private var leftOut: [ImportListing.LeftOut] = []

  /// Chooses the mask of each item.
  ///
  /// Of several reviewers the last decision counts. If they disagree whether there is a lesion, whether the
  /// picture is usable, or if one accepts the model's mask and another rejects it, the item is left out.
  ///
  /// - Parameters:
  ///   - content: the review.
  ///   - options: the choices of the user.
  /// - Throws: `ReviewError` or `FileError` that names the file and the fix.
  package init(_ content: ReviewContent, _ options: Options) throws {
    (self.content, self.options) = (content, options)
    let (all, strays) = try DecisionFiles.all(of: content)
    let names = Set(all.map(\.decision.reviewer)).sorted()
    if let reviewer = options.reviewer, !names.contains(reviewer) {
      throw ReviewError.unknownReviewer(reviewer, known: names)
    }
    let counting = all.filter { options.reviewer == nil || $0.decision.reviewer == options.reviewer }
    let byItem = Dictionary(grouping: counting, by: \.decision.item)
    for row in content.rows {
      let own = byItem[row.id, default: []].filter { $0.decision.verdict != .undecided }
      guard !own.isEmpty else {
        leftOut.append(.init(file: row.image, reason: "no decision"))
        continue
      }
      try choose(row, own)
    }
    leftOut += strays.map {
      .init(file: path($0.file), reason: "its item \($0.decision.item) is no longer in the review")
    }
    guard !chosen.isEmpty else {
      throw ReviewError.nothing(
        content.folder.decisions,
        reason: all.isEmpty
          ? "holds no decision; review the items in the page, or put its export decisions-NAME.json here"
          : "no decision states a mask; accept masks, correct them, or say that there is no lesion")
    }
    try requireAllowed()
  }

  private mutating func choose(_ row: ReviewQueue.Row, _ own: [DecisionFiles.Found]) throws {
    let truths = try own.map { (found: $0, truth: try DecidedTruth($0.decision, in: content)) }
    func leave(_ reason: String) { leftOut.append(.init(file: row.image, reason: reason)) }
    let usable = Set(own.map { $0.decision.verdict != .notUsable })
    if usable.count > 1 {
      return leave(
        "the reviewers disagree whether it is usable (\(Self.names(own))); choose one with --reviewer")
    }
    let known = try truths.filter { try $0.truth.hasLesion != nil }
    guard try Set(known.map { try $0.truth.hasLesion }).count < 2 else {
      return leave(
        "the reviewers disagree whether there is a lesion (\(Self.names(own))); choose one with --reviewer")
    }
    let newest = known.max {
      ($0.found.decision.date ?? .distantPast, $1.found.decision.reviewer)
        < ($1.found.decision.date ?? .distantPast, $0.found.decision.reviewer)
    }
    guard let newest, case .masks(let masks) = newest.truth else {
      guard case .unknown(let reason)? = truths.first?.truth else { return }
      return leave(reason)
    }
    let last = newest.found.decision
    func rejectsTheSame(_ other: Decision) -> Bool {
      other.verdict == .reject && other.modelHash.lowercased() == last.modelHash.lowercased()
    }
    guard last.verdict != .accept || !own.contains(where: { rejectsTheSame($0.decision) }) else {
      return leave(
        "the reviewers disagree whether the mask is right (\(Self.names(own))); choose one with --reviewer")
    }
    chosen.append(
      Chosen(
        row: row, found: newest.found, masks: masks,
        others: own.map(\.decision.reviewer).filter { $0 != newest.found.decision.reviewer }))
  }

  private static func names(_ found: [DecisionFiles.Found]) -> String {
    found.map { "\($0.decision.reviewer): \($0.decision.verdict.rawValue)" }.joined(separator: ", ")
  }

  private func path(_ file: URL) -> String {
    let root = content.folder.url.path + "/"
    return file.path.hasPrefix(root) ? String(file.path.dropFirst(root.count)) : file.lastPathComponent
  }

  /// The chosen items of sites that the run withheld.
  private var withheld: [Chosen] { chosen.filter { content.isHeldOut($0.row) } }

  private func requireAllowed() throws {
    guard !options.allowsHeldOut, let run = content.document.run, !run.heldOut.isEmpty else { return }
    guard run.heldOutChecked else { throw ReviewError.unchecked(content.folder.url, sites: run.heldOut) }
    guard !withheld.isEmpty else { return }
    throw ReviewError.heldOut(content.folder.url, images: withheld.count, sites: heldOutSites)
  }

  private var heldOutSites: [String] {
    Set(withheld.compactMap { $0.row.site.map { content.document.sites[$0].name } }).sorted()
  }

  /// What a user of the site has to know; nil for nothing.
  private var note: String? {
    guard let run = content.document.run else { return nil }
    if !withheld.isEmpty {
      return
        "\(counted(withheld.count, "image")) of \(heldOutSites.joined(separator: ", ")), which \(run.name) withheld, "
        + "came in by a review: a model that trains on them cannot be scored there"
    }
    guard !run.heldOut.isEmpty, !run.heldOutChecked else { return nil }
    return
      "images that came in by a review were not compared with \(run.heldOut.joined(separator: ", ")), which "
      + "\(run.name) withheld"
  }

  /// Writes the site.
  ///
  /// - Parameters:
  ///   - data: the data folder, which the caller has locked.
  ///   - threads: images at once; nil for one a core.
  ///   - progress: receives the number of images so far.
  /// - Returns: the record, and the sites that were listed in a new `sites.json5`.
  /// - Throws: `ImportError` or `FileError` that names the file and the fix.
  package func write(
    to data: URL, threads: Int? = nil, progress: (Int) -> Void = { _ in }
  ) throws -> (record: AppliedReview, imported: ImportRecord, listed: [String]) {
    var listing = ImportListing()
    listing.leftOut = leftOut
    listing.items = chosen.map { item in
      let isEmpty = item.isEmpty
      let shapes = inOrder(item.masks).compactMap { mask in
        (try? mask.runs).map { LabelledShape(label: mask.layer, form: .runs($0)) }
      }
      return ImportItem(
        stem: item.row.id, image: .file(content.folder.url.appendingPathComponent(item.row.image)),
        mask: isEmpty ? .empty : .shapes(shapes, source: item.found.file),
        group: item.row.statedGroup(content),
        lesionClass: isEmpty ? nil : item.found.decision.lesionClass ?? item.row.lesionClass)
    }
    var choices = ImportOptions()
    if content.document.layers != [ReviewMaker.singleLayer] {
      listing.labels = labels
      choices.lesions = content.document.layers
    }
    let reviewers = Set(chosen.map(\.found.decision.reviewer)).sorted()
    let of = content.document.run.map { "predictions of \($0.name)" } ?? "predictions"
    listing.origin = DataOrigin(source: "\(of), reviewed by \(reviewers.joined(separator: ", "))", note: note)
    let work = try SiteImport(
      listing, of: content.folder.url, kind: "review", site: options.site, data: data, options: choices,
      threads: threads)
    let (imported, listed) = try work.write(progress: progress)
    let folder = data.appendingPathComponent(options.site)
    let record = try writeModelMasks(folder, imported)
    let file = folder.appendingPathComponent(AppliedReview.fileName)
    if (try? AppliedReview(file)) != record { try AtomicFile.write(json: record, to: file) }
    return (record, imported, listed)
  }

  /// The masks in the order of the layers: a label map has one value a pixel, that of the last one.
  private func inOrder(_ masks: [ReviewMask]) -> [ReviewMask] {
    content.document.layers.compactMap { layer in masks.first { $0.layer == layer } }
  }

  private var labels: [String: Int] {
    Dictionary(content.document.layers.enumerated().map { ($1, $0 + 1) }) { first, _ in first }
  }

  /// Writes the masks of the model beside the site's own, and describes each image.
  private func writeModelMasks(_ folder: URL, _ imported: ImportRecord) throws -> AppliedReview {
    let place = folder.appendingPathComponent("model-masks")
    try FileManager.default.createFolder(place)
    AtomicFile.removeLeftovers(in: place, unchangedFor: 0)
    let stems = Dictionary(imported.images.map { (DistinctStems.stem($0.image), $0) }) { first, _ in first }
    var images: [AppliedReview.Image] = []
    for item in chosen {
      guard let image = stems[item.row.id] else { continue }
      let model = try content.item(item.row.id)
      let shapes = try inOrder(model.masks).map { LabelledShape(label: $0.layer, form: .runs(try $0.runs)) }
      let isSingle = content.document.layers == [ReviewMaker.singleLayer]
      let mask = try ShapeRaster.mask(
        of: shapes, width: item.row.width, height: item.row.height, labels: isSingle ? [:] : labels)
      let path = "model-masks/\(item.row.id).png"
      let (data, file) = (
        try isSingle ? mask.bilevelPNGData() : mask.pngData(), folder.appendingPathComponent(path)
      )
      if (try? Data(file: file)) != data { try AtomicFile.write(data, to: file) }
      let decision = item.found.decision
      images.append(
        AppliedReview.Image(
          image: image.image, mask: image.mask, modelMask: path, item: item.row.id, file: item.row.file,
          reviewer: decision.reviewer, others: item.others, time: decision.time,
          verdict: decision.verdict.rawValue, comment: decision.comment, seconds: decision.seconds,
          site: item.row.site.map { content.document.sites[$0].name }, heldOut: content.isHeldOut(item.row),
          dice: (try item.masks.dice(with: model.masks) * 1e4).rounded() / 1e4))
    }
    return AppliedReview(
      review: content.document.id, run: content.document.run, reviewer: options.reviewer, note: note,
      images: images, leftOut: imported.leftOut)
  }
}

extension ReviewQueue.Row {
  /// The patient or sequence for `sites.json5`: frames of one video stay together.
  func statedGroup(_ content: ReviewContent) -> String? {
    group
      ?? video.flatMap { content.document.videos.indices.contains($0) ? content.document.videos[$0].id : nil }
  }
}

/// The origin of the images of a site that a review made: `review.json` in its folder.
package struct AppliedReview: Codable, Equatable, Sendable {
  /// An image.
  package struct Image: Codable, Equatable, Sendable {
    /// The image, its mask and that of the model, relative to the site.
    package var image: String
    package var mask: String
    package var modelMask: String
    /// The item of the review, and the file that it was made of.
    package var item: String
    package var file: String
    /// Whose decision counts.
    package var reviewer: String
    /// The others who decided the item.
    package var others: [String]
    package var time: String
    package var verdict: String
    package var comment: String
    package var seconds: Double
    /// The site that the image is from.
    @Nullable package var site: String?
    /// Whether the run withheld it.
    package var heldOut: Bool
    /// Dice of the mask with that of the model.
    package var dice: Double

    enum CodingKeys: String, CodingKey {
      case image, mask, item, file, reviewer, others, time, verdict, comment, seconds, site, dice
      case modelMask = "model_mask"
      case heldOut = "held_out"
    }
  }

  /// The ID of the review.
  package var review: String
  @Nullable package var run: ReviewDocument.Origin?
  /// The reviewer who was chosen; nil for all.
  @Nullable package var reviewer: String?
  /// What a user of the site has to know.
  @Nullable package var note: String?
  package var images: [Image]
  package var leftOut: [ImportListing.LeftOut]

  enum CodingKeys: String, CodingKey {
    case review, run, reviewer, note, images
    case leftOut = "left_out"
  }

  /// The name of the file.
  package static let fileName = "review.json"
}

extension AppliedReview {
  /// Reads a record.
  fileprivate init(_ file: URL) throws {
    self = try JSONDecoder().decode(AppliedReview.self, from: Data(file: file))
  }
}
