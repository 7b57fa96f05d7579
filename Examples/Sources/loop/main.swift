// Trains and scores a run for each site, with that site held out: loop DATA CLIP OUT
import Datasets
import Foundation
import Training

let words = CommandLine.arguments
guard words.count == 4 else {
  print("usage: loop DATA CLIP OUT")
  exit(2)
}
let (data, clip, out) = (URL(filePath: words[1]), URL(filePath: words[2]), URL(filePath: words[3]))
let sites = try SiteCatalog(at: data)

// snippet: loop
for site in sites.sites {
  let run = try Run.create(
    at: out.appending(path: site.name), data: sites, holdOut: site.name, clip: .folder(clip),
    prompts: .endoscopy
  ) { $0.epochs = 10 }
  try run.train { print($0) }
  print(try run.evaluate(on: site))
}
// end
