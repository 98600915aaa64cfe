# Clone, push, pull over paths; worktrees, submodules, bisect run, gc, bundles, archives, attributes, large histories.
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='2024-01-02T03:04:05Z' GIT_COMMITTER_DATE='2024-01-02T03:04:05Z' GIT_PAGER=cat
git config --global init.defaultBranch main; git config --global protocol.file.allow always; git config --global gc.auto 0; git config --global core.abbrev 10; git config --global pack.threads 1; git config --global core.fsync none
git init -q --bare hub.git; git clone -q hub.git one 2>&1; cd one
for n in $(seq 20); do echo "version $n" >file; [ $n -ge 13 ] && echo bug >>file; echo $n >f$n; git add .; git commit -qm "Commit $n"; done; git push -q origin main 2>&1; cd ..
git clone -q --no-local hub.git two 2>&1; cd two; git log --oneline | wc -l; git bisect start -q HEAD HEAD~19 >/dev/null 2>&1; git bisect run sh -c '! grep -q bug file' 2>&1 | grep 'first bad'; git bisect reset -q 2>&1
git worktree add -q ../tree HEAD~5 2>&1; git worktree list | awk '{ print $1, $2 }'; cat ../tree/file; git worktree remove ../tree; git gc -q 2>&1; git fsck 2>&1; git count-objects -v | grep -E 'in-pack|packs'
echo more >>file; git commit -qam 'More'; git push -q 2>&1; cd ../one; git pull -q --ff-only 2>&1; git log -1 --format=%s; git submodule -q add ../hub.git library 2>&1; git commit -qm 'With a library'; git submodule status | cut -d' ' -f3; ls library | wc -l
git bundle create -q ../all.bundle --all 2>&1; git bundle verify -q ../all.bundle 2>&1; git archive --format=tar --prefix=p/ HEAD f1 f2 | tar -tf -; git rev-parse HEAD; git cat-file -p HEAD^{tree} | head -3
git clone -q --depth 3 "file://$PWD/../hub.git" ../shallow 2>&1; git -C ../shallow log --oneline | wc -l; git clone -q ../all.bundle ../from-bundle 2>&1; ls ../from-bundle | wc -l; GIT_TRACE=1 git status 2>&1 >/dev/null | grep -c trace:
git -c core.fsmonitor=false ls-files | sha1sum; git sparse-checkout set library 2>&1; ls; git sparse-checkout disable 2>&1; git filter-branch --force --msg-filter 'sed s/Commit/Change/' HEAD~2..HEAD 2>&1 | tail -1; git reflog | head -2; git daemon --version 2>&1 | head -1; git ls-remote ../hub.git
