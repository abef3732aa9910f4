// What listings show: revisions and tags.
#include "modelfloat/registry/sqlite/fold_case.h"
#include "modelfloat/registry/sqlite/sqlite_registry_impl.h"

namespace modelfloat::registry {

void SqliteRegistry::put_revision(const RevisionRow& row) {
  database_.write([&](Connection& c) {
    c.run(
        "insert or replace into revisions (manifest, structure, model, revision, size_bytes, fragments, files, "
        "stored_bytes, "
        "description, framework, format, created_at, folded) "
        "values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        row.manifest.content, row.manifest.structure, row.model, row.revision, row.size_bytes, row.fragments, row.files,
        row.stored_bytes, row.description, row.framework, row.format, row.created_at,
        fold_case(row.model + "\n" + row.description));
  });
}

void SqliteRegistry::remove_revision(const ManifestId& manifest) {
  database_.write([&](Connection& c) {
    c.run("delete from revisions where manifest = ?1", manifest.content);
    forget_manifest_packs(c, manifest.content);
  });
}

std::vector<RevisionRow> SqliteRegistry::revisions(const std::string& model) {
  return database_.read([&](Connection& c) {
    return c.rows<RevisionRow, std::string, RevisionId, Hash256, Hash256, std::uint64_t, std::uint64_t, std::uint64_t,
                  std::uint64_t, std::string, std::string, std::string, std::uint64_t>(
        "select model, revision, manifest, structure, size_bytes, fragments, files, stored_bytes, description, "
        "framework, "
        "format, created_at from revisions where model = ?1 order by created_at desc, id desc",
        model);
  });
}

std::vector<std::string> SqliteRegistry::models(const std::string& after, const std::string& search,
                                                std::size_t limit) {
  return database_.read([&](Connection& c) {
    return c.rows<std::string>(
        "select distinct model from revisions where model > ?1 and instr(folded, ?2) > 0 order by model limit ?3",
        after, fold_case(search), limit);
  });
}

// The same models in both statements, but for what another process changes between them.
std::vector<ListedModel> SqliteRegistry::listed_models(const std::string& after, const std::string& search,
                                                       std::size_t limit) {
  struct Tag {
    std::string model;
    std::string tag;
    Hash256 manifest;
  };
  const std::string folded = fold_case(search);
  return database_.read([&](Connection& c) {
    auto rows = c.rows<RevisionRow, std::string, RevisionId, Hash256, Hash256, std::uint64_t, std::uint64_t,
                       std::uint64_t, std::uint64_t, std::string, std::string, std::string, std::uint64_t>(
        "select model, revision, manifest, structure, size_bytes, fragments, files, stored_bytes, description, "
        "framework, format, created_at from revisions where model in (select distinct model from revisions where "
        "model > ?1 and instr(folded, ?2) > 0 order by model limit ?3) order by model, created_at desc, id desc",
        after, folded, limit);
    auto tags = c.rows<Tag, std::string, std::string, Hash256>(
        "select model, tag, manifest from tags where model in (select distinct model from revisions where "
        "model > ?1 and instr(folded, ?2) > 0 order by model limit ?3) order by model, tag",
        after, folded, limit);
    std::vector<ListedModel> models;
    auto tag = tags.begin();
    for (RevisionRow& row : rows) {
      if (!models.empty() && models.back().revisions.front().model == row.model) {
        models.back().revisions.push_back(std::move(row));
        continue;
      }
      ListedModel model;
      while (tag != tags.end() && tag->model < row.model) ++tag;
      for (; tag != tags.end() && tag->model == row.model; ++tag)
        model.tags.emplace_back(std::move(tag->tag), tag->manifest);
      model.revisions.push_back(std::move(row));
      models.push_back(std::move(model));
    }
    return models;
  });
}

void SqliteRegistry::set_tags(const std::string& model, std::span<const std::pair<std::string, Hash256>> tags) {
  database_.write([&](Connection& c) {
    c.run("delete from tags where model = ?1", model);
    for (const auto& [tag, manifest] : tags) c.run("insert into tags values (?1, ?2, ?3)", model, tag, manifest);
  });
}

std::vector<std::pair<std::string, Hash256>> SqliteRegistry::tags(const std::string& model) {
  return database_.read([&](Connection& c) {
    return c.rows<std::pair<std::string, Hash256>, std::string, Hash256>(
        "select tag, manifest from tags where model = ?1 order by tag", model);
  });
}

}  // namespace modelfloat::registry
