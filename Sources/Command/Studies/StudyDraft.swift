import Foundation
import Studies

/// The page of a study that is still training: it is written again after each site.
///
/// A site is on the page when all of its folds are finished, so that its scores are those of the
/// final page. Only `report.html` is written; the other files follow at the end.
final class StudyDraft: @unchecked Sendable {
  private let writer: StudyWriter
  private let words: StudyWriter.Words
  private let folds: [LeaveOneSiteOut.Fold]
  private let console: Console
  private let lock = NSLock()
  private var finished: [LeaveOneSiteOut.Fold: FoldResult] = [:]
  private var sitesOnPage = 0

  /// Describes the page of a study.
  ///
  /// - Parameters:
  ///   - study: the study.
  ///   - writer: the writer of its results.
  ///   - words: the texts of the page.
  ///   - console: receives a note if the page cannot be written.
  init(_ study: LeaveOneSiteOut, _ writer: StudyWriter, _ words: StudyWriter.Words, _ console: Console) {
    (self.writer, self.words, self.console) = (writer, words, console)
    folds = study.folds
  }

  /// Adds a finished fold, and writes the page if its site is complete.
  func add(_ result: FoldResult) {
    lock.withLock {
      guard
        let fold = folds.first(where: {
          $0.site == result.site && $0.arm.name == result.method && $0.seed == result.seed
        })
      else { return }
      finished[fold] = result
      let bySite = Dictionary(grouping: folds, by: \.site)
      let sites = bySite.filter { $0.value.allSatisfy { finished[$0] != nil } }
      guard sites.count > sitesOnPage else { return }
      sitesOnPage = sites.count
      do {
        try writer.writeDraft(
          folds.filter { sites[$0.site] != nil }.compactMap { finished[$0] }, words, sites: sites.count)
      } catch {
        console.note("note: the page is not written before the end: \(error)")
      }
    }
  }
}
