import Foundation
import Metrics
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Studies
@testable import Training

/// A study as the evidence for a model of all its sites.
@Suite("Evidence of a study")
struct StudyEvidenceTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder("evidence") }

  /// A study of baseline and MCDRL with the settings of the example run.
  private func plan(
    _ arms: [ArmDefinition] = [.baseline, .mcdrl],
    _ change: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> StudyPlan {
    var common = CardExample.settings
    (common.holdOut, common.sources, common.seed, common.clip) = (nil, [], 0, "/nowhere/words/{site}")
    try change(&common)
    return try StudyPlan(study: "loso", configuration: common, arms: arms, seeds: [0, 1])
  }

  private func arm(
    _ plan: StudyPlan, _ change: (inout RunConfiguration) throws -> Void = { _ in }
  ) throws -> (arm: Arm, differences: [String]) {
    var own = CardExample.settings
    try change(&own)
    return try StudyEvidence.arm(of: plan, for: own, in: folder.url)
  }

  @Test("The arm of the same settings is found, whatever follows from fold and machine")
  func found() throws {
    let same = try arm(plan()) {
      ($0.holdOut, $0.sources, $0.data, $0.maxPixels) = (nil, ["a", "b", "c"], "/elsewhere", 5)
    }
    #expect(same.arm.name == "baseline" && same.differences.isEmpty)
    #expect(try arm(plan()) { $0.model.method = .mcdrl }.arm.name == "mcdrl")
  }

  @Test("A model of all sites may have other epochs and no validation; this is stated")
  func epochs() throws {
    let found = try arm(plan { $0.epochs = 60 }) { ($0.epochs, $0.validationShare) = (40, 0) }
    #expect(found.differences == ["epochs was 60, is 40", "validationShare was 0.15, is 0"])
  }

  @Test("A study of other settings is refused with their names")
  func other() throws {
    let refused = message {
      _ = try arm(plan()) { ($0.imageSize, $0.optimizer.learningRate) = (128, 0.001) }
    }
    #expect(
      refused.contains("in baseline imageSize was 64, is 128, optimizer.learningRate was 0.005, is 0.001"),
      "\(refused)")
    #expect(refused.contains(folder.url.path))
    let method = message { _ = try arm(plan([.mcdrl])) }
    #expect(method.contains("compares mcdrl, and the method of the run is baseline"), "\(method)")
  }

  @Test("Another rule of masks is stated, and one of the values that folds chose counts")
  func choices() throws {
    var ruled = try plan()
    ruled.threshold = .dice
    #expect(try arm(ruled).differences == ["inference.threshold was dice, is 0.5"])
    #expect(try arm(ruled) { $0.inference.threshold = .dice }.arm.name == "baseline")
    var chosen = try plan()
    chosen.choices = [try Choice(parsing: "averaging=0,0.9")]
    #expect(try arm(chosen) { $0.averaging = 0.9 }.arm.name == "baseline")
    #expect(message { _ = try arm(chosen) { $0.averaging = 0.5 } }.contains("averaging was"))
  }

  /// The run of the example, and a study of north and south beside it.
  private func studied(_ plan: StudyPlan) throws -> (run: Run, study: StudyFolder) {
    let (run, study) = (folder.file("run"), StudyFolder(folder.file("study")))
    for url in [run, study.url] {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    try CardExample.write(to: run)
    try AtomicFile.write(json: StudyExample.study(), to: study.url.appendingPathComponent("results.json"))
    return (try Run.open(at: run), study)
  }

  @Test("The card of a run has the scores of the study, and says where the two differ")
  func card() throws {
    let plan = try plan()
    let (run, study) = try studied(plan)
    let evidence = try StudyEvidence(study, plan, sites: ["north", "south"], for: run)
    let results = try StudyExample.study()
    #expect(evidence.rows.map(\.site) == ["north", "south", nil] && evidence.seeds == [0, 1])
    #expect(evidence.overall?.dice == results.score("baseline")?[.dice]?.interval)
    #expect(evidence.rows[0].groups == 7 && evidence.rows[0].count == 13)
    let extremes = try #require(evidence.extremes)
    #expect((extremes.lowest.dice?.value ?? 1) <= (extremes.highest.dice?.value ?? 0))
    #expect(evidence.otherSites == ["east", "south", "west"] && evidence.otherImages.isEmpty)
    let card = try ModelCard(of: run, study: evidence)
    #expect(card.study == evidence)
    #expect(card.warnings.contains { $0.contains("they differ in east, south and west") })
  }

  @Test("Runs of a study with another image tower, and other images, are no evidence for a run")
  func runs() throws {
    let plan = try plan()
    let (run, study) = try studied(plan)
    let fold = try #require(plan.folds(sites: ["north", "south"]).first)
    let place = study.run(fold)
    try FileManager.default.createDirectory(at: place.url, withIntermediateDirectories: true)
    try CardExample.write(to: place.url)
    let print = try String(contentsOf: place.fingerprintFile, encoding: .utf8)
    try Data(print.replacingOccurrences(of: "0000000000000001", with: "0000000000000009").utf8)
      .write(to: place.fingerprintFile)
    let evidence = try StudyEvidence(study, plan, sites: ["north", "south"], for: run)
    #expect(evidence.otherImages == ["east"])
    let clip = try String(contentsOf: place.clipFile, encoding: .utf8)
    try Data(clip.replacingOccurrences(of: "\"patch_size\" : 8", with: "\"patch_size\" : 16").utf8)
      .write(to: place.clipFile)
    let refused = message { _ = try StudyEvidence(study, plan, sites: ["north", "south"], for: run) }
    #expect(
      refused.contains("another image tower") && refused.contains("patch_size was 16, is 8"), "\(refused)")
  }

  @Test("Damaged results, and results without the method, are named")
  func damaged() throws {
    let plan = try plan([.baseline])
    let (run, study) = try studied(plan)
    let file = study.url.appendingPathComponent("results.json")
    let others = try StudyExample.results(
      [StudyExample.fold("north", "mcdrl", dice: [1, 0.5])], methods: ["mcdrl"])
    try AtomicFile.write(json: others, to: file)
    let missing = message { _ = try StudyEvidence(study, plan, sites: ["north"], for: run) }
    #expect(missing.contains("results.json: has no scores of baseline"), "\(missing)")
    try Data("{}".utf8).write(to: file)
    let broken = message { _ = try StudyEvidence(study, plan, sites: ["north"], for: run) }
    #expect(broken.contains("\(file.path): is not the results of a study"), "\(broken)")
    try FileManager.default.removeItem(at: file)
    #expect(
      message { _ = try StudyEvidence(study, plan, sites: ["north"], for: run) }.contains("results.json"))
  }
}
