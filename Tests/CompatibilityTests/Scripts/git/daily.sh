# init, add, commit, log, diff, branches, a merge with a conflict, rebase, stash, cherry-pick, blame, hooks.
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org
export GIT_AUTHOR_DATE='2024-01-02T03:04:05Z' GIT_COMMITTER_DATE='2024-01-02T03:04:05Z' GIT_PAGER=cat GIT_EDITOR=true
git init -q -b main repository 2>&1; cd repository; git config core.abbrev 10; git config gc.auto 0; git config core.fsync none
seq 20 >numbers; mkdir src; echo 'int main;' >src/main.c; printf '*.o\n' >.gitignore; touch x.o; ln -s numbers link; printf '#!/bin/sh\n' >run; chmod +x run
git add .; git status --short; git commit -qm 'First'; git log --stat --oneline; git ls-files -s
printf '#!/bin/sh\necho "hook in $(basename "$PWD")"; grep -q forbidden numbers && exit 1; exit 0\n' >.git/hooks/pre-commit; chmod +x .git/hooks/pre-commit
echo forbidden >>numbers; git commit -qam 'Refused' 2>&1 || echo "refused $?"; git restore numbers; echo 21 >>numbers; git commit -qam 'Twenty-one' 2>&1
git checkout -q -b other; sed -i 's/^10$/ten/' numbers; git commit -qam 'Ten' 2>&1; git checkout -q main; sed -i 's/^10$/TEN/' numbers; git commit -qam 'TEN' 2>&1
git merge other 2>&1; git diff; git checkout --theirs numbers 2>&1; git add numbers; git commit -qm 'Merged' 2>&1; git log --graph --oneline --all
git checkout -q -b topic HEAD~1 2>&1; for n in 1 2 3; do echo $n >t$n; git add t$n; git commit -qm "Topic $n" 2>&1; done; git rebase -q main 2>&1; git log --oneline | head -5
echo dirty >t1; git stash 2>&1; git stash list; git stash pop 2>&1; git checkout -q -- t1; git cherry-pick other 2>&1 | head -2; git cherry-pick --abort 2>&1; git tag -a v1 -m 'Version 1'; git describe
git blame -s numbers | sed -n '9,11p'; git grep -n TEN HEAD~3 -- numbers; git mv t2 src/t2; git rm -q t3; git status -s; git reset -q --hard; git clean -nd; git show --stat HEAD; git rebase -i --exec 'true' HEAD~2 2>&1 | tr '\r' '\n' | tail -1
git format-patch -q -o ../patches HEAD~2; git reset -q --hard HEAD~2; git am -q ../patches/* 2>&1; git log --format='%h %s' | head -3; git shortlog -sn HEAD; git diff --word-diff main topic -- t1 | tail -2; git fsck 2>&1; git count-objects
