import Datasets
import Storage
import Torch
import Training

/// The sites at which each run of a contest is scored.
struct ContestPlan {
  /// A run with its sites.
  struct Scoring {
    let run: Run
    let sites: [(site: Site, role: SiteRole)]
  }

  /// The runs that are scored somewhere, by arm.
  let arms: [(arm: Contest.Arm, runs: [Scoring])]

  /// Finds the part of each site in the training of each run; an image is read once for all runs.
  ///
  /// In a comparison of several runs, sites that a run was trained on are left out. Notes say where
  /// images of the training come under the name of another site. A run that was trained on some of
  /// them counts.
  ///
  /// - Parameters:
  ///   - contest: the runs, by arm.
  ///   - places: the sites, and the role of each; nil finds it.
  ///   - processes: the processes that share the reading.
  ///   - console: receives the notes.
  /// - Throws: an error that names an image that cannot be read, or `WorkError.trainedOn` if an arm
  ///   has no run to score at a site.
  init(
    _ contest: Contest, at places: [(site: Site, role: SiteRole?)], _ processes: Processes = .alone,
    _ console: Console
  ) throws {
    let sites = places.map(\.site)
    let hashes = ImageHashes()
    try hashes.read(places.filter { $0.role == nil }.flatMap(\.site.testSamples), processes)
    let all = try processes.together {
      try contest.arms.map { arm in
        (
          arm: arm,
          runs: try arm.runs.map { run in
            Scoring(
              run: run, sites: try places.map { ($0.site, try $0.role ?? run.role(of: $0.site, hashes)) })
          }
        )
      }
    }
    guard !contest.isSingle else {
      arms = all
      return
    }
    for note in Self.notes(all.flatMap(\.runs), at: sites) { console.note(note) }
    let left = all.map { arm, runs in
      let scored = runs.map { scoring in
        let own = scoring.run.configuration.sources
        return Scoring(
          run: scoring.run,
          sites: scoring.sites.filter { site, role in
            role.isUnseen || role != .source && !own.contains(site.name)
          })
      }
      return (arm: arm, runs: scored.filter { !$0.sites.isEmpty })
    }
    // All come to the same end, and one message is enough.
    try processes.together {
      for site in sites {
        for (arm, runs) in left {
          let isScored = runs.contains { $0.sites.contains { $0.site.name == site.name } }
          guard isScored else { throw WorkError.trainedOn(site: site.name, arm: arm.name) }
        }
      }
    }
    arms = left
  }

  /// States by site how many runs were trained on images of it, unless its name says so.
  private static func notes(_ runs: [Scoring], at sites: [Site]) -> [String] {
    sites.indices.flatMap { index -> [String] in
      let name = sites[index].name
      // The name of a training site says it; such a run is left out.
      let roles = runs.filter { !$0.run.configuration.sources.contains(name) }.map { $0.sites[index].role }
      let all = counted(runs.count, "run")
      var found: [String] = []
      let hidden = roles.filter { $0 == .source }.count
      if hidden > 0 {
        found.append(
          "note: site \(name): \(hidden) of \(all) \(hidden == 1 ? "was" : "were") trained on all its "
            + "images, under another name or by a run that it continues; left out")
      }
      let partly = roles.filter { !$0.isUnseen && $0 != .source }.map(\.text)
      for text in Set(partly).sorted() {
        found.append(
          "note: site \(name): \(text), in \(partly.filter { $0 == text }.count) of \(all), which count all "
            + "the same; remove such images for a fair score")
      }
      return found
    }
  }
}
