import Foundation
import Storage

/// A review that is written: what it is of, and its items.
package struct ReviewContent: Sendable {
  /// The folder.
  package let folder: ReviewFolder
  package let document: ReviewDocument
  package let rows: [ReviewQueue.Row]
  private let places: [String: Int]

  /// Reads `review.js` and `queue.js` of a folder.
  ///
  /// - Throws: `FileError` that names the file, or `ReviewError` for a folder that holds no review.
  package init(of url: URL) throws {
    folder = ReviewFolder(url)
    guard FileSystem.kind(of: folder.documentFile) != nil else { throw ReviewError.noReview(url) }
    document = try ReviewScript.read(folder.documentFile, calling: .review)
    guard document.format == ReviewDocument.currentFormat else {
      throw FileError.malformed(
        folder.documentFile,
        reason:
          "has format \(document.format), and this version reads \(ReviewDocument.currentFormat); use the version "
          + "of mcdrl that wrote it")
    }
    let queue = try ReviewScript.read(folder.queueFile, calling: .queue, as: ReviewQueue.self)
    guard let rows = queue.rows else {
      throw FileError.malformed(
        folder.queueFile,
        reason: "its columns do not fit each other; write the review again with mcdrl review")
    }
    self.rows = rows
    places = Dictionary(rows.enumerated().map { ($0.element.id, $0.offset) }) { first, _ in first }
  }

  /// Returns an item; nil if there is none.
  package func row(_ id: String) -> ReviewQueue.Row? { places[id].map { rows[$0] } }

  /// Whether an item is of a site that the run withheld.
  package func isHeldOut(_ row: ReviewQueue.Row) -> Bool {
    row.site.map { document.sites.indices.contains($0) && document.sites[$0].heldOut } ?? false
  }

  /// Reads an item.
  ///
  /// - Throws: `FileError` that names the file.
  package func item(_ id: String) throws -> ReviewItem {
    let item: ReviewItem = try ReviewScript.read(folder.itemFile(id), calling: .item)
    for mask in item.masks {
      guard let row = row(id), mask.size == [row.height, row.width], document.layers.contains(mask.layer),
        (try? mask.runs) != nil
      else {
        throw FileError.malformed(
          folder.itemFile(id),
          reason: "its masks do not fit the picture; write the review again with mcdrl review")
      }
    }
    return item
  }
}

/// The places of the files of a review.
package struct ReviewFolder: Sendable {
  /// The folder.
  package let url: URL

  /// - Parameter url: the folder, which need not exist.
  package init(_ url: URL) { self.url = url }

  package var pageFile: URL { url.appendingPathComponent("index.html") }
  package var documentFile: URL { url.appendingPathComponent("review.js") }
  package var queueFile: URL { url.appendingPathComponent("queue.js") }
  /// It is there until the first call has ended.
  package var unfinishedFile: URL { url.appendingPathComponent("unfinished") }
  package var decisions: URL { url.appendingPathComponent("decisions") }
  package func itemFile(_ id: String) -> URL { url.appendingPathComponent("items/\(id).js") }
  package func videoFile(_ id: String) -> URL { url.appendingPathComponent("videos/\(id).js") }
  /// The folders that hold files of items and videos.
  static let parts = ["items", "images", "thumbnails", "videos"]
}

/// A review that cannot be used; each message names the file and the fix.
package enum ReviewError: Error, Equatable, CustomStringConvertible {
  /// The folder holds no review.
  case noReview(URL)
  /// The folder holds something else, or a review of another run.
  case folderInUse(URL, holds: String)
  /// A decision cannot be used.
  case decision(URL, reason: String)
  /// No decision can be applied.
  case nothing(URL, reason: String)
  /// Images of sites that the run withheld would become training data.
  case heldOut(URL, images: Int, sites: [String])
  /// It is not known whether images are of a withheld site.
  case unchecked(URL, sites: [String])
  /// A reviewer made no decision.
  case unknownReviewer(String, known: [String])

  /// One to three lines.
  package var description: String {
    switch self {
    case .noReview(let url):
      "\(url.shownPath): holds no review; give a folder that mcdrl review wrote"
    case .folderInUse(let url, let holds):
      "\(url.shownPath): holds \(holds); choose another folder for the review"
    case .decision(let url, let reason):
      "\(url.shownPath): \(reason); decide the item again in the page, or move the file away"
    case .nothing(let url, let reason): "\(url.shownPath): \(reason)"
    case .heldOut(let url, let images, let sites):
      "\(url.shownPath): \(counted(images, "reviewed image")) of \(sites.joined(separator: ", ")), which the run withheld: "
        + "a model that learns from them cannot be scored there;\nallow it with --allow-held-out, and sites.json5 says so"
    case .unchecked(let url, let sites):
      "\(url.shownPath): the run withheld \(sites.joined(separator: ", ")), and its data was not there to compare the images "
        + "with;\nwrite the review again with --data DATA, or add --allow-held-out if none of them is from there"
    case .unknownReviewer(let name, let known):
      "no decision of \(NativePath.shown(name)) is in the review; the reviewers are "
        + known.joined(separator: ", ")
    }
  }
}
